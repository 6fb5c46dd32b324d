//! Calls to a clinic's n8n, with the address and the key that are given and no other.

use serde_json::{Map, Value};

use super::super::TestContext;
use super::super::api_error::{ApiError, ErrorKind};
use super::super::egress::{Auth, EgressError};
use super::super::key_client::KeyClient;
use super::credentials::N8nCredentials;
use super::errors::DIALECT;
use super::records::{Workflow, WorkflowPage};

/// Workflows come with all that they do, and there is no way to ask for their names alone.
const LIST_LIMIT: usize = 4 * 1024 * 1024;

/// A clinic's n8n, as seen with its key, for one piece of work.
pub struct N8nClient<'a>(KeyClient<'a>);

impl<'a> N8nClient<'a> {
    pub(super) fn of_test(context: &TestContext<'a>, credentials: &'a N8nCredentials) -> Self {
        let auth = credentials
            .api_key
            .as_ref()
            .map_or(Auth::None, |key| Auth::Header { name: "X-N8N-API-KEY", value: key.expose() });
        Self(KeyClient::of_test(context, &credentials.base, auth, &DIALECT))
    }

    /// Judges the address before anything is looked up.
    pub(super) fn check_address(&self) -> Result<(), EgressError> {
        self.0.egress.check(self.0.base)
    }

    /// Whether an n8n answers there at all. Needs no key, and gets none. That the answer is an object is in no
    /// document; it is asked for all the same, as something else may answer 200 at a wrong address.
    pub async fn is_alive(&self) -> Result<(), ApiError> {
        let open = KeyClient { auth: Auth::None, ..self.0 };
        let _: Map<String, Value> = open.get("/healthz", &[]).await?;
        Ok(())
    }

    /// The first workflows, and whether there are more. None where they are too large to be read.
    pub async fn workflows(&self) -> Result<Option<(Vec<Workflow>, bool)>, ApiError> {
        let query = [("limit", "20"), ("excludePinnedData", "true")];
        match self.0.get_up_to::<WorkflowPage>(LIST_LIMIT, "/api/v1/workflows", &query).await {
            Ok(page) => Ok(Some((page.data, page.next_cursor.is_some()))),
            Err(ApiError { kind: ErrorKind::Transport(EgressError::TooLarge), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
