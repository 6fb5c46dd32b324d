//! What the tests of integrations ask again and again: what a card shows, what is really stored.

use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;
use voxanne::domain::{OrgId, ProviderId};
use voxanne::providers::catalogue;

use super::app::{Answer, Browser, TestApp};

/// The providers that are connected with the fields of a form; the others ask for consent.
pub fn by_fields() -> Vec<ProviderId> {
    let is_by_fields = |id: &ProviderId| catalogue::find(*id).spec().oauth().is_none();
    ProviderId::ALL.into_iter().filter(is_by_fields).collect()
}

/// The status of one provider, as the interface tells it.
pub async fn card(browser: &Browser, provider: &str) -> Value {
    let answer = browser.send("GET", "/api/integrations/status", None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let all = answer.json()["integrations"].as_array().unwrap().clone();
    all.into_iter().find(|one| one["provider"] == provider).unwrap()
}

/// The word for the state of a card.
pub async fn state(browser: &Browser, provider: &str) -> String {
    card(browser, provider).await["status"].as_str().unwrap().to_owned()
}

/// Connects a provider through the interface.
pub async fn connect(browser: &Browser, provider: &str, body: Value) -> Answer {
    browser.send("POST", &format!("/api/integrations/{provider}"), Some(body)).await
}

impl TestApp {
    /// The id of the active credential, as a superuser sees it.
    pub async fn active(&self, org: OrgId, provider: &str) -> Option<Uuid> {
        let query = "select active_credential_id from org_integrations where org_id = $1 and provider = $2";
        let found: Option<Option<Uuid>> = sqlx::query_scalar(query)
            .bind(org.0)
            .bind(provider)
            .fetch_optional(&self.db.superuser)
            .await
            .unwrap();
        found.flatten()
    }

    /// A number that a superuser reads, for the organization `$1`.
    pub async fn count(&self, query: &'static str, org: OrgId) -> i64 {
        sqlx::query_scalar(query).bind(org.0).fetch_one(&self.db.superuser).await.unwrap()
    }

    /// Changes something behind the back of the product, for the organization `$1`.
    pub async fn meddle(&self, statement: &'static str, org: OrgId) -> u64 {
        let done = sqlx::query(statement).bind(org.0).execute(&self.db.superuser).await.unwrap();
        done.rows_affected()
    }

    /// The trail of an organization, oldest first: action, target, outcome, details.
    pub async fn trail(&self, org: OrgId) -> Vec<(String, String, String, String)> {
        sqlx::query_as(
            "select action, target, outcome, details from audit_log where org_id = $1 order by seq",
        )
        .bind(org.0)
        .fetch_all(&self.db.superuser)
        .await
        .unwrap()
    }

    /// How many rows of the trail have this action and outcome.
    pub async fn recorded(&self, org: OrgId, action: &str, outcome: &str) -> usize {
        self.trail(org).await.iter().filter(|row| row.0 == action && row.2 == outcome).count()
    }

    /// Every row of every tenant table of an organization as text, with binary columns in
    /// hexadecimal and, where they are text, as text too.
    pub async fn dump(&self, org: OrgId) -> String {
        let tables: Vec<String> = sqlx::query_scalar(
            "select distinct table_name::text from information_schema.columns
              where table_schema = 'public' and column_name = 'org_id' order by 1",
        )
        .fetch_all(&self.db.superuser)
        .await
        .unwrap();
        let mut dump = String::new();
        for table in tables {
            let query =
                format!("select to_jsonb(t) from {table} t where org_id = $1 order by to_jsonb(t)::text");
            let rows: Vec<Value> = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
                .bind(org.0)
                .fetch_all(&self.db.superuser)
                .await
                .unwrap();
            for row in rows {
                dump.push_str(&json!({ &table: row }).to_string());
                dump.push('\n');
            }
        }
        let sealed: Vec<Vec<u8>> = sqlx::query_scalar("select sealed from org_credentials where org_id = $1")
            .bind(org.0)
            .fetch_all(&self.db.superuser)
            .await
            .unwrap();
        for bytes in sealed {
            dump.push_str(&String::from_utf8_lossy(&bytes));
        }
        dump
    }
}

/// Every row of every table as text, with what binary columns hold as text too, as far as it is one: what
/// somebody reads who gets hold of the whole database.
pub async fn every_row(superuser: &mut PgConnection) -> String {
    let columns: Vec<(String, Option<String>)> = sqlx::query_as(
        "select t.table_name::text, c.column_name::text from information_schema.tables t
           left join information_schema.columns c on c.table_schema = t.table_schema and c.table_name = t.table_name
            and c.data_type = 'bytea'
          where t.table_schema = 'public' and t.table_type = 'BASE TABLE' order by 1, 2",
    )
    .fetch_all(&mut *superuser)
    .await
    .unwrap();
    let mut all = String::new();
    let mut last = String::new();
    for (table, binary) in columns {
        if last != table {
            let query = sqlx::AssertSqlSafe(format!("select to_jsonb(t) from \"{table}\" t"));
            let rows: Vec<Value> = sqlx::query_scalar(query).fetch_all(&mut *superuser).await.unwrap();
            rows.into_iter().for_each(|row| all.push_str(&format!("{}\n", json!({ &table: row }))));
            last.clone_from(&table);
        }
        if let Some(column) = binary {
            let query = format!("select {column} from \"{table}\" where {column} is not null");
            let values: Vec<Vec<u8>> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_all(&mut *superuser).await.unwrap();
            values.iter().for_each(|value| all.push_str(&format!("{}\n", String::from_utf8_lossy(value))));
        }
    }
    all
}
