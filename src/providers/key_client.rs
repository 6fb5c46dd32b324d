//! Calls to a provider that is signed in to with one key. Nothing is retried here.

use reqwest::Method;
use serde::de::DeserializeOwned;
use url::Url;

use super::api_error::{ApiError, Dialect, ErrorKind};
use super::egress::{ANSWER_LIMIT, Auth, Body, BulkheadKey, Call, Deadline, Egress};
use super::{TestContext, answer, below};

/// A provider, as seen with one key, for one piece of work.
#[derive(Clone, Copy)]
pub struct KeyClient<'a> {
    pub egress: &'a Egress,
    pub base: &'a Url,
    pub auth: Auth<'a>,
    pub bulkhead: BulkheadKey,
    pub deadline: Deadline,
    pub dialect: &'static Dialect,
}

impl<'a> KeyClient<'a> {
    /// The client of a test.
    pub(super) fn of_test(
        context: &TestContext<'a>,
        base: &'a Url,
        auth: Auth<'a>,
        dialect: &'static Dialect,
    ) -> Self {
        let TestContext { egress, bulkhead, deadline, .. } = *context;
        Self { egress, base, auth, bulkhead, deadline, dialect }
    }

    /// Reads what is at a path below the base, with these parameters.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        template: &'static str,
        query: &[(&str, &str)],
    ) -> Result<T, ApiError> {
        self.send(Method::GET, template, query, Body::Empty).await
    }

    /// The same for an answer of up to `limit` bytes: a list.
    pub(super) async fn get_up_to<T: DeserializeOwned>(
        &self,
        limit: usize,
        template: &'static str,
        query: &[(&str, &str)],
    ) -> Result<T, ApiError> {
        self.exchange(limit, Method::GET, template, query, Body::Empty).await
    }

    /// Sends to a path below the base and reads the answer. The path is a constant, so it is also
    /// what is logged.
    pub(super) async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        template: &'static str,
        query: &[(&str, &str)],
        body: Body<'_>,
    ) -> Result<T, ApiError> {
        self.exchange(ANSWER_LIMIT, method, template, query, body).await
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        answer_limit: usize,
        method: Method,
        template: &'static str,
        query: &[(&str, &str)],
        body: Body<'_>,
    ) -> Result<T, ApiError> {
        let failed = |kind| ApiError::new(self.dialect, kind);
        let segments: Vec<&str> = template.split('/').filter(|segment| !segment.is_empty()).collect();
        let mut url = below(self.base, &segments);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let call =
            Call { method, url, template, auth: self.auth, body, bulkhead: self.bulkhead, answer_limit };
        let sent = self.egress.send(call, self.deadline).await;
        let reply = sent.map_err(|error| failed(ErrorKind::Transport(error)))?;
        if !(200..300).contains(&reply.status) {
            return Err(ApiError::from_reply(self.dialect, &reply));
        }
        answer::read(&reply).map_err(|unexpected| failed(ErrorKind::Unexpected(unexpected)))
    }
}
