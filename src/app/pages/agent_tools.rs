//! The part of an agent's form with its tools, and with what happens when one can not do its work.

use leptos::prelude::*;

use crate::app::components::check_box::CheckBox;
use crate::app::components::field::{Field, FieldView, InputKind};
use crate::app::components::select::{Select, SelectView};
use crate::app::wire::FieldError;
use crate::domain::agent_tools::{AgentTool, CalendarFallback};

/// Tools and fallbacks as they are stored or were chosen.
#[derive(Clone, Debug)]
pub struct ToolsForm {
    pub tools: Vec<AgentTool>,
    /// A word of [`CalendarFallback`].
    pub calendar: String,
    pub sms_mail: String,
    pub transfer_number: String,
}

/// The name of a tool's box in the form.
pub fn box_name(tool: AgentTool) -> String {
    format!("tool_{}", tool.as_str())
}

/// The part of the form.
pub fn tools_fold(
    form: ToolsForm,
    errors: &[FieldError],
    role: &'static str,
    can_configure: bool,
) -> impl IntoView + use<> {
    let error = |key: &str| FieldError::find(errors, key).map(str::to_owned);
    let boxes = AgentTool::ALL
        .map(|tool| {
            let checked = form.tools.contains(&tool);
            view! {
                <CheckBox
                    id=format!("{role}-{}", box_name(tool))
                    name=box_name(tool)
                    label=tool.label()
                    checked
                    disabled=!can_configure
                />
            }
        })
        .collect_view();
    let calendar = SelectView {
        key: "calendarFallback",
        label: "While the calendar can not be asked",
        none: CalendarFallback::default().label().to_owned(),
        options: CalendarFallback::ALL[1..]
            .iter()
            .map(|choice| (choice.as_str().to_owned(), choice.label().to_owned()))
            .collect(),
        value: form.calendar,
        help: "What the agent offers instead of an appointment.",
        error: error("calendarFallback"),
        disabled: !can_configure,
        scope: role,
    };
    let field = |key, label, value, kind, example, help| FieldView {
        required: false,
        kind,
        example,
        help,
        error: error(key),
        scope: role,
        disabled: !can_configure,
        ..FieldView::new(key, label, value)
    };
    let number = field(
        "transferNumber",
        "Calls are put through to",
        form.transfer_number,
        InputKind::Telephone,
        "+1 555 010 0123",
        "A person who answers while the clinic is open.",
    );
    let mail = field(
        "smsMail",
        "E-mail instead of a text message",
        form.sms_mail,
        InputKind::Email,
        "desk@clinic.example",
        "Used only where a text message surely did not go out. Needs Resend.",
    );
    let is_open =
        ["calendarFallback", "transferNumber", "smsMail", "tools"].iter().any(|key| error(key).is_some());
    view! {
        <details class="fold" open=is_open>
            <summary>"What the agent may do"</summary>
            <div class="fold-body">
                <input type="hidden" name="toolsShown" value="1" />
                <fieldset class="choices">
                    <legend>"Tools"</legend>
                    {boxes}
                </fieldset>
                <Select select=calendar />
                <Field field=number />
                <Field field=mail />
            </div>
        </details>
    }
}
