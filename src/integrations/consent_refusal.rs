//! Why the answer of a consent page was not taken. Each has a sentence of its own; in none of these
//! cases is anything stored.

/// Why an answer was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentRefusal {
    #[error("the answer has no state")]
    StateMissing,
    #[error("the state is none that was given out here")]
    StateForged,
    #[error("the state was answered already")]
    StateUsed,
    #[error("the state has expired")]
    StateExpired,
    #[error("the consent was begun in another session")]
    OtherSession,
    #[error("the answer comes from another issuer")]
    OtherIssuer,
    #[error("the person did not consent")]
    Denied,
    #[error("the issuer answered with an error")]
    ProviderError,
    #[error("the answer has no code")]
    CodeMissing,
    /// Used before, expired, or given for another code verifier.
    #[error("the issuer did not take the code")]
    CodeRefused,
    /// The identity token is missing, or was made for somebody else or for another consent.
    #[error("the identity does not belong to this consent")]
    OtherIdentity,
    #[error("the issuer gave no refresh token")]
    NotLasting,
}

impl ConsentRefusal {
    /// Whether somebody just changed their mind.
    pub const fn is_cancelled(self) -> bool {
        matches!(self, ConsentRefusal::Denied)
    }

    /// For the trail and for programs.
    pub const fn code(self) -> &'static str {
        match self {
            ConsentRefusal::StateMissing => "state_missing",
            ConsentRefusal::StateForged => "state_forged",
            ConsentRefusal::StateUsed => "state_used",
            ConsentRefusal::StateExpired => "state_expired",
            ConsentRefusal::OtherSession => "state_other_session",
            ConsentRefusal::OtherIssuer => "issuer_other",
            ConsentRefusal::Denied => "consent_denied",
            ConsentRefusal::ProviderError => "consent_failed",
            ConsentRefusal::CodeMissing => "code_missing",
            ConsentRefusal::CodeRefused => "code_refused",
            ConsentRefusal::OtherIdentity => "identity_other",
            ConsentRefusal::NotLasting => "consent_not_lasting",
        }
    }

    /// What happened and what to do.
    pub const fn sentence(self) -> &'static str {
        match self {
            ConsentRefusal::StateMissing => {
                "Google's answer does not say what it belongs to. Nothing was saved; please connect again."
            }
            ConsentRefusal::StateForged => {
                "This answer belongs to no sign-in that was begun here. Nothing was saved. If you did not begin one, somebody may have sent you a link."
            }
            ConsentRefusal::StateUsed => {
                "This answer of Google was used already. Nothing was changed; connect again if the card does not say Connected."
            }
            ConsentRefusal::StateExpired => {
                "The sign-in at Google took longer than ten minutes. Nothing was saved; please connect again."
            }
            ConsentRefusal::OtherSession => {
                "The sign-in at Google was begun in another browser or before you signed in here. Nothing was saved; please connect again from this one."
            }
            ConsentRefusal::OtherIssuer => {
                "The answer does not come from Google. Nothing was saved; please connect again."
            }
            ConsentRefusal::Denied => {
                "You cancelled at Google, so nothing was connected and nothing was changed."
            }
            ConsentRefusal::ProviderError => {
                "Google ended the sign-in with an error. Nothing was saved; please try again, or ask who manages your Google accounts."
            }
            ConsentRefusal::CodeMissing => {
                "Google's answer has no code in it. Nothing was saved; please connect again."
            }
            ConsentRefusal::CodeRefused => {
                "Google did not take its own code: it was used before, has expired, or was made for another sign-in. Nothing was saved; please connect again."
            }
            ConsentRefusal::OtherIdentity => {
                "Google's answer is about another sign-in than this one. Nothing was saved; please connect again."
            }
            ConsentRefusal::NotLasting => {
                "Google gave access for an hour only, because it was given before. Remove this service under myaccount.google.com/permissions, then connect again."
            }
        }
    }
}
