//! The tools that an agent may use during a call, and what happens when one can not do its work.

use serde::{Deserialize, Serialize};

use super::phone::PhoneNumber;

/// A tool, by the name that the model calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentTool {
    CheckAvailability,
    BookAppointment,
    RescheduleAppointment,
    CancelAppointment,
    SendSms,
    TakeMessage,
    TransferCall,
}

impl AgentTool {
    pub const ALL: [AgentTool; 7] = [
        AgentTool::CheckAvailability,
        AgentTool::BookAppointment,
        AgentTool::RescheduleAppointment,
        AgentTool::CancelAppointment,
        AgentTool::SendSms,
        AgentTool::TakeMessage,
        AgentTool::TransferCall,
    ];

    /// What an agent has before anybody chooses: everything that needs no further word.
    pub const USUAL: [AgentTool; 6] = [
        AgentTool::CheckAvailability,
        AgentTool::BookAppointment,
        AgentTool::RescheduleAppointment,
        AgentTool::CancelAppointment,
        AgentTool::SendSms,
        AgentTool::TakeMessage,
    ];

    /// The name of the function at Vapi, and the word in the database and the interface.
    pub const fn as_str(self) -> &'static str {
        match self {
            AgentTool::CheckAvailability => "check_availability",
            AgentTool::BookAppointment => "book_appointment",
            AgentTool::RescheduleAppointment => "reschedule_appointment",
            AgentTool::CancelAppointment => "cancel_appointment",
            AgentTool::SendSms => "send_sms",
            AgentTool::TakeMessage => "take_message",
            AgentTool::TransferCall => "transfer_call",
        }
    }

    /// The name for people.
    pub const fn label(self) -> &'static str {
        match self {
            AgentTool::CheckAvailability => "Find free appointments",
            AgentTool::BookAppointment => "Book appointments",
            AgentTool::RescheduleAppointment => "Move appointments",
            AgentTool::CancelAppointment => "Cancel appointments",
            AgentTool::SendSms => "Send text messages",
            AgentTool::TakeMessage => "Take messages for the team",
            AgentTool::TransferCall => "Put calls through",
        }
    }

    /// Whether it changes something outside of the call, of which people must know.
    pub const fn leaves_an_effect(self) -> bool {
        !matches!(self, AgentTool::CheckAvailability | AgentTool::TransferCall)
    }

    /// A tool by its name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.as_str() == word)
    }

    /// The tools of a stored choice; names that nobody knows any more mean nothing.
    pub fn of_stored(stored: Option<&[String]>) -> Vec<Self> {
        match stored {
            None => Self::USUAL.to_vec(),
            Some(words) => {
                Self::ALL.into_iter().filter(|tool| words.iter().any(|word| word == tool.as_str())).collect()
            }
        }
    }
}

/// What a caller is offered while the calendar can not be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalendarFallback {
    /// The agent takes a message for the team.
    #[default]
    TakeMessage,
    /// The team is told to call back.
    CallBack,
    /// The agent puts the call through.
    Transfer,
}

impl CalendarFallback {
    pub const ALL: [CalendarFallback; 3] =
        [CalendarFallback::TakeMessage, CalendarFallback::CallBack, CalendarFallback::Transfer];

    pub const fn as_str(self) -> &'static str {
        match self {
            CalendarFallback::TakeMessage => "take_message",
            CalendarFallback::CallBack => "call_back",
            CalendarFallback::Transfer => "transfer",
        }
    }

    pub const fn label(self) -> &'static str {
        match self {
            CalendarFallback::TakeMessage => "Take a message",
            CalendarFallback::CallBack => "Have the team call back",
            CalendarFallback::Transfer => "Put the call through",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fallback| fallback.as_str() == word)
    }
}

/// What happens when a tool can not do its work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Fallbacks {
    pub calendar: CalendarFallback,
    /// Who gets an e-mail where a text message surely did not go out; empty for nobody.
    pub sms_mail: String,
    /// The number that calls are put through to, in E.164 form; empty for none.
    pub transfer_number: String,
}

/// What is wrong with a choice of tools and fallbacks: field and sentence.
pub type Problem = (&'static str, &'static str);

impl Fallbacks {
    /// Looks whether the choice can work together with the tools that are switched on.
    ///
    /// # Errors
    /// The field, as forms and the interface name it, and a sentence for people.
    pub fn check(&self, tools: &[AgentTool]) -> Result<(), Problem> {
        if !self.transfer_number.is_empty() && PhoneNumber::parse(&self.transfer_number).is_err() {
            return Err(("transferNumber", "Enter a number with its country code, such as +1 555 010 0123."));
        }
        if tools.contains(&AgentTool::TransferCall) && self.transfer_number.is_empty() {
            return Err(("transferNumber", "Say which number calls are put through to."));
        }
        if self.calendar == CalendarFallback::Transfer && !tools.contains(&AgentTool::TransferCall) {
            return Err(("calendarFallback", "Switch on that calls are put through first."));
        }
        if !self.sms_mail.is_empty() && !is_mail_address(&self.sms_mail) {
            return Err(("smsMail", "Enter an e-mail address, such as desk@clinic.example."));
        }
        Ok(())
    }
}

fn is_mail_address(text: &str) -> bool {
    let is_plain = text.len() <= 254 && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let parts = text.split_once('@');
    is_plain
        && parts.is_some_and(|(local, domain)| {
            !local.is_empty()
                && domain.contains('.')
                && !domain.contains(['@', ',', ';', '<', '>'])
                && !domain.starts_with('.')
                && !domain.ends_with('.')
        })
        && !text.contains([',', ';', '<', '>', '"'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_known_by_their_names() {
        for tool in AgentTool::ALL {
            assert_eq!(AgentTool::parse(tool.as_str()), Some(tool));
        }
        assert_eq!(AgentTool::of_stored(None), AgentTool::USUAL);
        let stored = ["send_sms".to_owned(), "fly".to_owned()];
        assert_eq!(AgentTool::of_stored(Some(&stored)), [AgentTool::SendSms]);
    }

    #[test]
    fn a_fallback_that_could_not_work_is_refused() {
        let field = |fallbacks: &Fallbacks, tools: &[AgentTool]| fallbacks.check(tools).err().map(|it| it.0);
        let usual = Fallbacks::default();
        assert_eq!(field(&usual, &AgentTool::USUAL), None);
        assert_eq!(field(&usual, &AgentTool::ALL), Some("transferNumber"));
        let transfer = Fallbacks { calendar: CalendarFallback::Transfer, ..Fallbacks::default() };
        assert_eq!(field(&transfer, &AgentTool::USUAL), Some("calendarFallback"));
        let whole = Fallbacks { transfer_number: "+15550100123".to_owned(), ..transfer };
        assert_eq!(field(&whole, &AgentTool::ALL), None);
        for (mail, is_good) in [("desk@clinic.example", true), ("desk", false), ("a@b@c.d", false)] {
            let fallbacks = Fallbacks { sms_mail: mail.to_owned(), ..Fallbacks::default() };
            assert_eq!(field(&fallbacks, &[]).is_none(), is_good, "{mail}");
        }
    }
}
