//! No statement crosses organizations (bar T3): every tenant table, every kind of statement, every
//! state of the organization setting, random rows and predicates, compared with a model in memory.
//!
//! Plain SQL under `voxanne_app`, without any code of the product in between. 50 cases a cell;
//! `VOXANNE_BARS=full` makes it 1,000. The same numbers in every run.

use std::collections::BTreeSet;

use sqlx::{ConnectOptions, Connection, PgConnection};
use uuid::Uuid;

use super::tenancy_pool::all_cases;
use crate::support::cluster::TestDb;
use crate::tenancy_model::{Answer, Model, Outcome, run};
use crate::tenancy_roles::role_for;
use crate::tenancy_rows::{Dice, Pool, Table, insert_text, key_of, key_sql, literals, tenant_tables, value};

/// Cases a cell.
pub fn cases() -> usize {
    if all_cases() { 1_000 } else { 50 }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Select,
    SelectForUpdate,
    Insert,
    Update,
    Delete,
    Upsert,
    Merge,
    Returning,
    Cte,
    Move,
}

const KINDS: [Kind; 10] = [
    Kind::Select,
    Kind::SelectForUpdate,
    Kind::Insert,
    Kind::Update,
    Kind::Delete,
    Kind::Upsert,
    Kind::Merge,
    Kind::Returning,
    Kind::Cte,
    Kind::Move,
];

/// What the transaction says about its organization, and whose rows the statement is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    Own,
    Other,
    Unset,
    Empty,
    Garbage,
}

const SETTINGS: [Setting; 5] =
    [Setting::Own, Setting::Other, Setting::Unset, Setting::Empty, Setting::Garbage];

impl Setting {
    /// The text of the setting, for a transaction of `me`.
    fn text(self, me: Uuid) -> Option<String> {
        match self {
            Self::Own | Self::Other => Some(me.to_string()),
            Self::Unset => None,
            Self::Empty => Some(String::new()),
            Self::Garbage => Some("no-organization".to_owned()),
        }
    }

    /// The code that every statement must then fail with.
    fn code(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Own | Self::Other => None,
            Self::Unset => Some(&["42704"]),
            Self::Empty | Self::Garbage => Some(&["22P02"]),
        }
    }
}

/// One table's world: its database, its rows and what they should be.
struct Bench {
    db: TestDb,
    table: Table,
    pool: Pool,
    orgs: Vec<Uuid>,
    model: Model,
    dice: Dice,
}

/// Runs every cell of one table and returns every difference between database and model.
pub async fn differences(db: TestDb, name: &str, cases: usize) -> Vec<String> {
    let tables = tenant_tables(&db.superuser).await;
    let table = tables.iter().find(|table| table.name == name).unwrap().clone();
    let mut dice = Dice::new(0x7e4a_11c5);
    let orgs: Vec<Uuid> = (0..3).map(|_| dice.uuid()).collect();
    let pool = Pool::fill(&db.superuser, &tables, &table, &orgs, &mut dice).await;
    let mut bench = Bench { db, table, pool, orgs, model: Model::default(), dice };
    let mut found = Vec::new();
    for kind in KINDS {
        for setting in SETTINGS {
            found.extend(bench.cell(kind, setting, cases).await);
        }
    }
    for setting in SETTINGS {
        found.extend(bench.copies(setting, cases).await);
    }
    found
}

impl Bench {
    async fn cell(&mut self, kind: Kind, setting: Setting, cases: usize) -> Vec<String> {
        // A connection of its own: once an organization was set on it, it is never unset again.
        let mut connection = self.db.app_options().connect().await.unwrap();
        let mut found = Vec::new();
        for _ in 0..cases {
            self.model.top_up(&self.db.superuser, &self.pool, &self.table, &self.orgs, &mut self.dice).await;
            if let Some(difference) = self.case(&mut connection, kind, setting).await {
                found.push(format!("{} {kind:?} {setting:?}: {difference}", self.table.name));
                self.model.reload(&self.db.superuser, &self.table).await;
            }
        }
        connection.close().await.unwrap();
        let stored = Model::read(&self.db.superuser, &self.table).await;
        if stored != self.model {
            found.push(format!(
                "{} {kind:?} {setting:?}: the stored rows are not those of the model",
                self.table.name
            ));
            self.model = stored;
        }
        found
    }

    /// One random statement; what it should have done is worked out from the model.
    async fn case(&mut self, connection: &mut PgConnection, kind: Kind, setting: Setting) -> Option<String> {
        let me = *self.dice.pick(&self.orgs);
        let others: Vec<Uuid> = self.orgs.iter().copied().filter(|org| *org != me).collect();
        let target = if setting == Setting::Other { *self.dice.pick(&others) } else { me };
        let (kind, wrapped) = self.plain(kind);
        let (text, expected, commands) = self.statement(kind, setting, me, target, &others);
        let role = role_for(&self.table.name, commands);
        let text = match wrapped {
            Kind::Returning => format!("{text} returning {}", self.printed_key()),
            Kind::Cte => format!("with done as ({text} returning {}) select * from done", self.printed_key()),
            _ => text,
        };
        let answer = run(connection, setting.text(me).as_deref(), role.unwrap_or("owner"), &text).await;
        let expected = match setting.code() {
            _ if role.is_none() => Outcome::Fails(&["42501"]),
            Some(code) => Outcome::Fails(code),
            None => expected,
        };
        let returns_keys = matches!(wrapped, Kind::Returning | Kind::Cte)
            || matches!(kind, Kind::Select | Kind::SelectForUpdate);
        let fits = match (&expected, &answer) {
            (Outcome::Fails(codes), Answer::Refused(code)) => codes.contains(&code.as_str()),
            (Outcome::Touches { keys, .. }, Answer::Done { rows, .. }) if returns_keys => keys == rows,
            (Outcome::Touches { keys, .. }, Answer::Done { count, .. }) => keys.len() == *count,
            _ => false,
        };
        if fits {
            self.model.apply(expected);
            return None;
        }
        Some(format!("as {me} in {role:?}: {text}\n  expected {expected:?}\n  answered {answer:?}"))
    }

    /// `Returning` and `Cte` wrap a writing statement that the table allows to somebody.
    fn plain(&mut self, kind: Kind) -> (Kind, Kind) {
        if !matches!(kind, Kind::Returning | Kind::Cte) {
            return (kind, kind);
        }
        let allowed: Vec<Kind> =
            [(Kind::Insert, "insert"), (Kind::Update, "update"), (Kind::Delete, "delete")]
                .into_iter()
                .filter(|(_, command)| role_for(&self.table.name, &[command]).is_some())
                .map(|(plain, _)| plain)
                .collect();
        (*self.dice.pick(&allowed), kind)
    }

    /// A statement, what it must do where the organization is set, and the commands it needs.
    fn statement(
        &mut self,
        kind: Kind,
        setting: Setting,
        me: Uuid,
        target: Uuid,
        others: &[Uuid],
    ) -> (String, Outcome, &'static [&'static str]) {
        let (name, payload) = (self.table.name.clone(), self.table.payload.clone());
        let column = self.table.columns.iter().find(|column| column.name == payload).unwrap();
        let new = value(&mut self.dice, column);
        let literal = format!("'{new}'::{}", column.kind);
        match kind {
            Kind::Select | Kind::SelectForUpdate => {
                let (filter, keys) = self.predicate(setting, me, target);
                let lock = if kind == Kind::SelectForUpdate { " for update" } else { "" };
                let text = format!("select {} from {name} t{filter}{lock}", self.printed_key());
                let needs: &[&str] = if lock.is_empty() { &[] } else { &["update"] };
                (text, Outcome::Touches { keys, write: None }, needs)
            }
            Kind::Update => {
                let (filter, keys) = self.predicate(setting, me, target);
                let text = format!("update {name} t set {payload} = {literal}{filter}");
                (text, Outcome::Touches { keys, write: Some(Some(new)) }, &["update"])
            }
            Kind::Delete => {
                let (filter, keys) = self.predicate(setting, me, target);
                let text = format!("delete from {name} t{filter}");
                (text, Outcome::Touches { keys, write: Some(None) }, &["delete"])
            }
            Kind::Move => {
                let to = if target == me { *self.dice.pick(others) } else { me };
                let key = self.model.any_key(&mut self.dice, target);
                let filter = self.key_filter(&key);
                let text = format!("update {name} t set org_id = '{to}'{filter}");
                // Someone else's row is not there; one's own does not move.
                let expected = if target == me { Outcome::Fails(&["23000"]) } else { Outcome::nothing() };
                (text, expected, &["update"])
            }
            Kind::Insert | Kind::Upsert | Kind::Merge => self.writing(kind, me, target, &payload),
            Kind::Returning | Kind::Cte => unreachable!("they wrap another kind"),
        }
    }

    fn writing(
        &mut self,
        kind: Kind,
        me: Uuid,
        target: Uuid,
        payload: &str,
    ) -> (String, Outcome, &'static [&'static str]) {
        let mut values = self.pool.row(&mut self.dice, &self.table, target);
        if self.dice.below(3) == 0 {
            // A key that exists.
            let (_, key) = self.model.any_key(&mut self.dice, target);
            for (column, part) in self.table.key.iter().zip(key.split('|')) {
                values.insert(column.clone(), part.to_owned());
            }
        }
        let id = (target, key_of(&self.table, &values));
        let insert = insert_text(&self.table, &values).replacen(
            &self.table.name,
            &format!("{} as t", self.table.name),
            1,
        );
        let key_columns: Vec<&str> =
            std::iter::once("org_id").chain(self.table.key.iter().map(String::as_str)).collect();
        let text = match kind {
            Kind::Insert => insert,
            Kind::Upsert => format!(
                "{insert} on conflict ({}) do update set {payload} = excluded.{payload}",
                key_columns.join(", ")
            ),
            _ => {
                let same: Vec<String> =
                    key_columns.iter().map(|column| format!("t.{column} = s.{column}")).collect();
                let names: Vec<&str> = values.keys().map(String::as_str).collect();
                let from_s: Vec<String> = names.iter().map(|column| format!("s.{column}")).collect();
                format!(
                    "merge into {} t using (values ({})) as s ({}) on {} \
                     when matched then update set {payload} = s.{payload} when not matched then insert ({}) values ({})",
                    self.table.name,
                    literals(&self.table, &values),
                    names.join(", "),
                    same.join(" and "),
                    names.join(", "),
                    from_s.join(", "),
                )
            }
        };
        let expected = match (target == me, self.model.contains(&id), kind) {
            (false, _, _) => Outcome::Fails(&["42501"]),
            (true, true, Kind::Insert) => Outcome::Fails(&["23505"]),
            _ => Outcome::Touches { keys: BTreeSet::from([id]), write: Some(Some(values[payload].clone())) },
        };
        (text, expected, if kind == Kind::Insert { &["insert"] } else { &["insert", "update"] })
    }

    /// A random condition, and the rows that it must find for `me`. Where the organization is not
    /// set, the condition always names rows that exist.
    fn predicate(&mut self, setting: Setting, me: Uuid, target: Uuid) -> (String, BTreeSet<(Uuid, String)>) {
        let own = self.model.of(me);
        match self.dice.below(5) {
            0 => (String::new(), own),
            1 => (" where true or t.org_id is null".to_owned(), own),
            2 => {
                let keys = if target == me { own } else { BTreeSet::new() };
                (format!(" where t.org_id = '{target}'"), keys)
            }
            3 if matches!(setting, Setting::Own | Setting::Other) => {
                let unknown = self.dice.uuid();
                (format!(" where t.org_id = '{unknown}'"), BTreeSet::new())
            }
            _ => {
                let key = self.model.any_key(&mut self.dice, target);
                let filter = self.key_filter(&key);
                (filter, if target == me { BTreeSet::from([key]) } else { BTreeSet::new() })
            }
        }
    }

    fn key_filter(&self, (org, key): &(Uuid, String)) -> String {
        format!(" where t.org_id = '{org}' and {} = '{key}'", key_sql(&self.table))
    }

    fn printed_key(&self) -> String {
        format!("t.org_id::text || '/' || {}", key_sql(&self.table))
    }

    /// COPY out shows one's own rows only; COPY in is refused altogether under row-level security.
    async fn copies(&mut self, setting: Setting, cases: usize) -> Vec<String> {
        let mut connection = self.db.app_options().connect().await.unwrap();
        let name = self.table.name.clone();
        for _ in 0..cases {
            let me = *self.dice.pick(&self.orgs);
            let org = setting.text(me);
            let shown = Model::copy_out(&mut connection, org.as_deref(), &self.table).await;
            let fits = match (&shown, setting.code()) {
                (Ok(count), None) => *count == self.model.of(me).len(),
                (Err(code), Some(codes)) => codes.contains(&code.as_str()),
                _ => false,
            };
            if !fits {
                return vec![format!("{name} {setting:?}: copy to stdout shows {shown:?}")];
            }
            let text = format!("copy {name} (org_id) from stdin");
            let taken = run(&mut connection, org.as_deref(), "owner", &text).await;
            if !matches!(&taken, Answer::Refused(code) if ["0A000", "42501"].contains(&code.as_str())) {
                return vec![format!("{name} {setting:?}: copy from stdin was answered with {taken:?}")];
            }
        }
        connection.close().await.unwrap();
        Vec::new()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_crosses_organizations() {
    let db = TestDb::create().await;
    let names: Vec<String> = tenant_tables(&db.superuser).await.into_iter().map(|table| table.name).collect();
    assert!(names.len() >= 15, "{names:?}");
    let mut found = Vec::new();
    // A few at a time: each has a database and several connections of its own.
    for some in names.chunks(3) {
        let mut running = tokio::task::JoinSet::new();
        for name in some {
            let name = name.clone();
            running.spawn(async move { differences(TestDb::create().await, &name, cases()).await });
        }
        found.extend(running.join_all().await.concat());
    }
    assert!(
        found.is_empty(),
        "{} differences, the first:\n{}",
        found.len(),
        found[..found.len().min(5)].join("\n")
    );
}
