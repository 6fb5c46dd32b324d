//! What a tenant table should hold, kept in memory, and how a statement is run to be compared with it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Either, Executor, PgConnection, PgPool, Row};
use uuid::Uuid;

use crate::tenancy_rows::{Dice, Pool, Table, insert_text, key_of, key_sql};

/// A row's organization and its key within it.
pub type Id = (Uuid, String);

/// What a statement must do.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is refused with one of these codes.
    Fails(&'static [&'static str]),
    /// It finds exactly these rows; `write` gives them a payload (`Some(Some)`) or removes them
    /// (`Some(None)`).
    Touches { keys: BTreeSet<Id>, write: Option<Option<String>> },
}

impl Outcome {
    pub fn nothing() -> Self {
        Self::Touches { keys: BTreeSet::new(), write: None }
    }
}

/// What a statement did.
#[derive(Clone, Debug)]
pub enum Answer {
    /// The keys it returned, and how many rows it touched.
    Done { rows: BTreeSet<Id>, count: usize },
    /// The code it was refused with.
    Refused(String),
    /// It was a COPY, and it was not refused.
    Taken,
}

fn settings(org: Option<&str>, role: &str) -> String {
    let org = org.map(|org| format!("set local app.org_id = '{org}'; ")).unwrap_or_default();
    format!("begin; {org}set local app.role = '{role}'; ")
}

/// Runs one statement in a transaction of its own, in one message.
pub async fn run(connection: &mut PgConnection, org: Option<&str>, role: &str, statement: &str) -> Answer {
    let text = format!("{}{statement}; commit", settings(org, role));
    let mut rows = BTreeSet::new();
    let mut counts = Vec::new();
    let result: Result<(), sqlx::Error> = async {
        let mut stream = connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(text)));
        while let Some(item) = stream.try_next().await? {
            match item {
                Either::Left(done) => counts.push(done.rows_affected()),
                Either::Right(row) => {
                    let printed: String = row.try_get(0)?;
                    let (org, key) = printed.split_once('/').unwrap();
                    rows.insert((org.parse().unwrap(), key.to_owned()));
                }
            }
        }
        Ok(())
    }
    .await;
    match result {
        // The statement itself is the last but one; before it stand only BEGIN and SET.
        Ok(()) if counts.len() > 2 => {
            Answer::Done { rows, count: usize::try_from(counts[counts.len() - 2]).unwrap() }
        }
        Err(sqlx::Error::Database(refusal)) => {
            connection.execute("rollback").await.unwrap();
            Answer::Refused(refusal.code().unwrap_or_default().into_owned())
        }
        // COPY that was not refused: sqlx does not expect it here, and the connection is in the
        // middle of it.
        Ok(()) | Err(_) => Answer::Taken,
    }
}

/// The rows of a table: key to payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    rows: BTreeMap<Id, String>,
}

impl Model {
    /// What is really stored.
    pub async fn read(superuser: &PgPool, table: &Table) -> Self {
        let query =
            format!("select t.org_id, {}, t.{}::text from {} t", key_sql(table), table.payload, table.name);
        let stored: Vec<(Uuid, String, Option<String>)> =
            sqlx::query_as(AssertSqlSafe(query)).fetch_all(superuser).await.unwrap();
        Self {
            rows: stored
                .into_iter()
                .map(|(org, key, payload)| ((org, key), payload.unwrap_or_default()))
                .collect(),
        }
    }

    pub async fn reload(&mut self, superuser: &PgPool, table: &Table) {
        *self = Self::read(superuser, table).await;
    }

    /// Gives every organization at least two rows, or the one that its key allows.
    pub async fn top_up(
        &mut self,
        superuser: &PgPool,
        pool: &Pool,
        table: &Table,
        orgs: &[Uuid],
        dice: &mut Dice,
    ) {
        let wanted = if table.key.is_empty() { 1 } else { 2 };
        for org in orgs {
            while self.keys_of(*org).take(wanted).count() < wanted {
                let values = pool.row(dice, table, *org);
                let id = (*org, key_of(table, &values));
                if !self.contains(&id) {
                    superuser.execute(AssertSqlSafe(insert_text(table, &values))).await.unwrap();
                    self.rows.insert(id, values[&table.payload].clone());
                }
            }
        }
    }

    /// The keys of one organization's rows.
    pub fn of(&self, org: Uuid) -> BTreeSet<Id> {
        self.keys_of(org).cloned().collect()
    }

    fn keys_of(&self, org: Uuid) -> impl Iterator<Item = &Id> {
        self.rows.range((org, String::new())..).map(|(id, _)| id).take_while(move |(owner, _)| *owner == org)
    }

    pub fn contains(&self, id: &Id) -> bool {
        self.rows.contains_key(id)
    }

    pub fn any_key(&self, dice: &mut Dice, org: Uuid) -> Id {
        let at = dice.below(self.keys_of(org).count());
        self.keys_of(org).nth(at).unwrap().clone()
    }

    pub fn apply(&mut self, outcome: Outcome) {
        let Outcome::Touches { keys, write: Some(write) } = outcome else { return };
        for key in keys {
            match &write {
                Some(payload) => {
                    self.rows.insert(key, payload.clone());
                }
                None => {
                    self.rows.remove(&key);
                }
            }
        }
    }

    /// How many rows COPY TO shows, or the code it is refused with.
    pub async fn copy_out(
        connection: &mut PgConnection,
        org: Option<&str>,
        table: &Table,
    ) -> Result<usize, String> {
        connection.execute(sqlx::raw_sql(AssertSqlSafe(settings(org, "owner")))).await.unwrap();
        let text = format!("copy {} (org_id) to stdout", table.name);
        let copied: Result<Vec<_>, sqlx::Error> =
            async { connection.copy_out_raw(&text).await?.try_collect().await }.await;
        connection.execute("rollback").await.unwrap();
        match copied {
            Ok(bytes) => Ok(bytes.concat().iter().filter(|byte| **byte == b'\n').count()),
            Err(error) => Err(error.into_database_error().unwrap().code().unwrap_or_default().into_owned()),
        }
    }
}
