//! What an assistant at Vapi is told beside its configuration: its tools, and what the clinic's plan
//! says. Pure; the tools are answered in `calls::tools`.

use serde_json::{Map, Value, json};

use crate::domain::agent_tools::AgentTool;
use crate::domain::clinic_plan::{ClinicPlan, closures_text, week_text};
use crate::providers::vapi::assistant::ToolPlan;

/// The definitions of the tools that are switched on, in a fixed order.
pub fn plans(tools: &[AgentTool], plan: &ClinicPlan) -> Vec<ToolPlan> {
    AgentTool::ALL.into_iter().filter(|tool| tools.contains(tool)).map(|tool| tool_plan(tool, plan)).collect()
}

/// What Vapi extracts from each call: what leads are scored by (`calls::lead_score`), and what the team wants to
/// know.
pub fn extracted() -> Value {
    let yes = |description: &str| json!({ "type": "boolean", "description": description });
    let members = vec![
        ("patientName", text("The caller's full name, if they said it")),
        ("reason", text("What the caller wants: the service, or the concern, in a few words")),
        (
            "interestLevel",
            one_of(
                "How much the caller wants an appointment at this clinic. `none` where the call was about something else",
                &["high", "medium", "low", "none"],
            ),
        ),
        ("wantsAppointment", yes("True if the caller asked for an appointment or agreed to one")),
        ("urgent", yes("True if the caller is in pain or needs help within a day")),
        ("callbackRequested", yes("True if the caller asked to be called back")),
        ("newPatient", yes("True if the caller said that they have not been at this clinic before")),
        ("wrongNumber", yes("True if it was a wrong number, or somebody who sells something")),
    ];
    parameters(members, &[])
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn one_of(description: &str, words: &[&str]) -> Value {
    json!({ "type": "string", "description": description, "enum": words })
}

fn parameters(members: Vec<(&str, Value)>, required: &[&str]) -> Value {
    let properties: Map<String, Value> =
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

/// How the model writes a time.
const START: &str = "When it begins, as YYYY-MM-DDTHH:MM by the clinic's clock: one of the times that check_availability has named";

fn tool_plan(tool: AgentTool, plan: &ClinicPlan) -> ToolPlan {
    let services: Vec<&str> = plan.services.iter().map(|service| service.name.as_str()).collect();
    let people: Vec<&str> = plan.practitioners.iter().map(|person| person.name.as_str()).collect();
    let mut about: Vec<(&str, Value)> = Vec::new();
    if services.len() > 1 {
        about.push(("service", one_of("What the appointment is for", &services)));
    }
    if !people.is_empty() {
        about.push(("practitioner", one_of("Whom the caller wants to see, where they say so", &people)));
    }
    let (description, parameters) = match tool {
        AgentTool::CheckAvailability => {
            about.push((
                "date",
                text("The first day that would suit, as YYYY-MM-DD; today where it is left out"),
            ));
            about.push(("until", text("The last day that would suit, as YYYY-MM-DD")));
            let parts = ["morning", "afternoon", "evening"];
            about.push(("partOfDay", one_of("Only this part of the day", &parts)));
            (
                "Finds free appointments in the clinic's calendar. Use it before you offer a time.",
                parameters(about, &[]),
            )
        }
        AgentTool::BookAppointment => {
            about.push(("start", text(START)));
            about.push(("name", text("The patient's full name")));
            about.push((
                "phone",
                text("The patient's number with country code; the caller's own where it is left out"),
            ));
            about.push(("notes", text("What the practice should know, in a few words")));
            (
                "Books an appointment that check_availability has offered and the caller has agreed to.",
                parameters(about, &["start", "name"]),
            )
        }
        AgentTool::RescheduleAppointment => {
            about.retain(|(name, _)| *name != "service");
            about.push(("start", text(START)));
            about.push(("current", text("When the appointment to be moved begins now, as YYYY-MM-DDTHH:MM")));
            about.push((
                "phone",
                text("The number that it was booked with; the caller's own where it is left out"),
            ));
            ("Moves the caller's appointment to another free time.", parameters(about, &["start"]))
        }
        AgentTool::CancelAppointment => {
            let members = vec![
                ("current", text("When the appointment begins, as YYYY-MM-DDTHH:MM")),
                ("phone", text("The number that it was booked with; the caller's own where it is left out")),
            ];
            ("Cancels the caller's appointment. Ask the caller to confirm first.", parameters(members, &[]))
        }
        AgentTool::SendSms => {
            let members = vec![
                ("message", text("What the text message says")),
                ("to", text("Number with country code; the caller's own where it is left out")),
            ];
            (
                "Sends a text message to the caller, or to a number that the caller names.",
                parameters(members, &["message"]),
            )
        }
        AgentTool::TakeMessage => {
            let members = vec![
                ("message", text("What the caller wants, in full sentences")),
                ("name", text("The caller's name")),
                ("phone", text("Number with country code; the caller's own where it is left out")),
                (
                    "callBack",
                    json!({ "type": "boolean", "description": "Whether the caller wants to be called back" }),
                ),
            ];
            ("Leaves a message for the team.", parameters(members, &["message"]))
        }
        AgentTool::TransferCall => {
            let members = vec![("reason", text("Why the caller wants to speak to somebody"))];
            ("Puts the call through to a person of the clinic.", parameters(members, &[]))
        }
    };
    ToolPlan { name: tool.as_str().to_owned(), description: description.to_owned(), parameters }
}

/// What is added to an agent's instructions: the clinic's clock, hours and services. The double braces
/// are Vapi's own: it puts the time of the call there.
pub fn context(plan: &ClinicPlan, time_zone: &str) -> String {
    let mut lines = vec![
        format!(
            "It is {{{{\"now\" | date: \"%A, %Y-%m-%d, %H:%M\", \"{time_zone}\"}}}} by the clinic's clock ({time_zone})."
        ),
        match week_text(&plan.openings) {
            hours if hours.is_empty() => "The clinic has no opening hours.".to_owned(),
            hours => format!("Opening hours: {hours}."),
        },
    ];
    if !plan.closures.is_empty() {
        lines.push(format!("Closed: {}.", closures_text(&plan.closures).replace('\n', "; ")));
    }
    let services: Vec<String> = plan
        .services
        .iter()
        .map(|service| match &service.practitioner {
            Some(person) => format!("{} ({} minutes, {person})", service.name, service.minutes),
            None => format!("{} ({} minutes)", service.name, service.minutes),
        })
        .collect();
    lines.push(format!("Services: {}.", services.join("; ")));
    // What people wrote must not become one of Vapi's own expressions.
    let (own, written) = lines.split_at(1);
    let written = written.join("\n").replace("{{", "{ {").replace("{%", "{ %");
    format!("{}\n{written}", own.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_has_a_name_that_vapi_takes_and_a_schema() {
        for plan in plans(&AgentTool::ALL, &ClinicPlan::default()) {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            assert!(plan.name.len() <= 64 && plan.name.bytes().all(is_name), "{}", plan.name);
            assert_eq!(plan.parameters["type"], "object");
            let properties = plan.parameters["properties"].as_object().unwrap();
            for needed in plan.parameters["required"].as_array().unwrap() {
                assert!(properties.contains_key(needed.as_str().unwrap()), "{}", plan.name);
            }
        }
        assert_eq!(plans(&[], &ClinicPlan::default()), []);
    }

    #[test]
    fn what_people_wrote_is_no_expression() {
        let mut plan = ClinicPlan::default();
        plan.services[0].name = "{{secret}}".to_owned();
        let context = context(&plan, "Europe/Berlin");
        assert_eq!(context.matches("{{").count(), 1, "{context}");
        assert!(
            context.starts_with("It is {{\"now\" | date: \"%A, %Y-%m-%d, %H:%M\", \"Europe/Berlin\"}} by")
        );
    }
}
