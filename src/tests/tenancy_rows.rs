//! Rows for any tenant table, made from the catalogue alone: a table that is added tomorrow is
//! tested tomorrow. Values are kept as PostgreSQL prints them, so that a model can compare.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Executor, PgPool, Row};
use uuid::Uuid;
use voxanne::db::catalogue::GLOBAL_TABLES;

/// Numbers that are the same in every run (`SplitMix64`, a public-domain generator by S. Vigna).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `bound` - 1.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(bound).unwrap()).unwrap()
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.roll(), self.roll())
    }
}

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    /// As `format_type` prints it.
    pub kind: String,
    is_nullable: bool,
    /// Values that a check constraint lists; empty where it lists none.
    listed: Vec<String>,
}

/// A foreign key whose columns may not be null, so that a row needs a parent.
#[derive(Clone, Debug)]
struct Parent {
    columns: Vec<String>,
    target: String,
    target_columns: Vec<String>,
}

/// A tenant table, as far as rows are concerned.
#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// The primary key without `org_id`.
    pub key: Vec<String>,
    /// A column that no key and no check speaks about: what updates change.
    pub payload: String,
    parents: Vec<Parent>,
    /// Columns of optional foreign keys; they stay null.
    left_null: Vec<String>,
}

/// A row: column name to printed value; a column that is null or has its default is missing.
pub type Values = BTreeMap<String, String>;

/// The tenant tables of a database, parents before children.
pub async fn tenant_tables(superuser: &PgPool) -> Vec<Table> {
    let names: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
          where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and a.attname = 'org_id'
            and c.relname <> all ($1) order by 1",
    )
    .bind(GLOBAL_TABLES.map(str::to_owned).to_vec())
    .fetch_all(superuser)
    .await
    .unwrap();
    let mut waiting = Vec::new();
    for name in &names {
        waiting.push(read_table(superuser, name).await);
    }
    let mut ordered: Vec<Table> = Vec::new();
    while !waiting.is_empty() {
        let is_ready = |table: &Table| {
            table.parents.iter().all(|parent| {
                !names.contains(&parent.target) || ordered.iter().any(|done| done.name == parent.target)
            })
        };
        let next = waiting.iter().position(is_ready).expect("required foreign keys form no circle");
        ordered.push(waiting.remove(next));
    }
    ordered
}

async fn read_table(superuser: &PgPool, name: &str) -> Table {
    let strings = async |query: &'static str| -> Vec<Vec<String>> {
        let rows = sqlx::query(query).bind(name).fetch_all(superuser).await.unwrap();
        rows.iter().map(|row| (0..row.len()).map(|i| row.get::<String, _>(i)).collect()).collect()
    };
    let checks = strings(
        "select pg_get_constraintdef(oid) from pg_constraint where conrelid = $1::text::regclass and contype = 'c'",
    )
    .await;
    let columns: Vec<Column> = strings(
        "select attname::text, format_type(atttypid, atttypmod), (not attnotnull)::text from pg_attribute
          where attrelid = $1::text::regclass and attnum > 0 and not attisdropped order by attnum",
    )
    .await
    .into_iter()
    .map(|row| Column {
        listed: checks.iter().find_map(|check| listed_values(&check[0], &row[0])).unwrap_or_default(),
        name: row[0].clone(),
        kind: row[1].clone(),
        is_nullable: row[2] == "true",
    })
    .collect();
    let split = |text: &String| -> Vec<String> { text.split(',').map(str::to_owned).collect() };
    let foreign = strings(
        "select (select string_agg(a.attname::text, ',' order by k.n) from unnest(f.conkey) with ordinality k (att, n)
                   join pg_attribute a on a.attrelid = f.conrelid and a.attnum = k.att),
                g.relname::text,
                (select string_agg(a.attname::text, ',' order by k.n) from unnest(f.confkey) with ordinality k (att, n)
                   join pg_attribute a on a.attrelid = f.confrelid and a.attnum = k.att)
           from pg_constraint f join pg_class g on g.oid = f.confrelid
          where f.conrelid = $1::text::regclass and f.contype = 'f'",
    )
    .await;
    let is_nullable = |column: &str| columns.iter().any(|it| it.name == column && it.is_nullable);
    let (optional, required): (Vec<_>, Vec<_>) =
        foreign.into_iter().partition(|row| split(&row[0]).iter().any(|column| is_nullable(column)));
    let in_unique = strings(
        "select distinct a.attname::text from pg_index x join pg_attribute a on a.attrelid = x.indrelid and a.attnum = any (x.indkey)
          where x.indrelid = $1::text::regclass and x.indisunique",
    )
    .await
    .concat();
    let key = strings(
        "select a.attname::text from pg_index x, unnest(x.indkey) with ordinality k (att, n), pg_attribute a
          where x.indrelid = $1::text::regclass and x.indisprimary and a.attrelid = x.indrelid and a.attnum = k.att
            and a.attname <> 'org_id' order by k.n",
    )
    .await
    .concat();
    let foreign_columns: Vec<String> =
        required.iter().chain(&optional).flat_map(|row| split(&row[0])).collect();
    let is_free = |column: &Column| {
        let name = &column.name;
        let spoken_of = checks.iter().any(|check| check[0].contains(name.as_str()));
        let simple = ["text", "bigint", "integer", "timestamp with time zone", "bytea", "boolean"];
        !in_unique.contains(name)
            && !foreign_columns.contains(name)
            && !spoken_of
            && simple.contains(&column.kind.as_str())
    };
    Table {
        name: name.to_owned(),
        payload: columns.iter().find(|column| is_free(column)).expect("a free column").name.clone(),
        columns: columns.clone(),
        key,
        parents: required
            .iter()
            .map(|row| Parent {
                columns: split(&row[0]),
                target: row[1].clone(),
                target_columns: split(&row[2]),
            })
            .collect(),
        left_null: optional
            .iter()
            .flat_map(|row| split(&row[0]))
            .filter(|column| is_nullable(column))
            .collect(),
    }
}

/// The values in `CHECK ((role = ANY (ARRAY['a'::text, 'b'::text])))`, if that is about this column.
fn listed_values(check: &str, column: &str) -> Option<Vec<String>> {
    let list = check.strip_prefix(&format!("CHECK (({column} = "))?;
    Some(list.split('\'').skip(1).step_by(2).map(str::to_owned).collect())
}

/// What rows may refer to, per table and organization.
pub struct Pool {
    parents: BTreeMap<(String, Uuid), Vec<Vec<String>>>,
}

impl Pool {
    /// Fills the tables that `table` depends on, and remembers their keys.
    pub async fn fill(
        superuser: &PgPool,
        tables: &[Table],
        table: &Table,
        orgs: &[Uuid],
        dice: &mut Dice,
    ) -> Self {
        for (index, org) in orgs.iter().enumerate() {
            let insert = format!(
                "insert into organizations (id, name, slug) values ('{org}', 'Clinic', 'clinic-{index}')"
            );
            superuser.execute(AssertSqlSafe(insert)).await.unwrap();
        }
        for number in 0..40 {
            let insert = format!(
                "insert into users (id, email, name, password_hash) values ('{}', 'u{number}@clinic.test', 'U', '')",
                dice.uuid()
            );
            superuser.execute(AssertSqlSafe(insert)).await.unwrap();
        }
        superuser.execute("insert into key_checks values (1, 'current', '\\x00')").await.unwrap();
        let mut pool = Self { parents: BTreeMap::new() };
        for ancestor in
            tables.iter().take_while(|it| it.name != table.name).filter(|it| depends(tables, table, &it.name))
        {
            pool.look_up(superuser, ancestor, orgs).await;
            for org in orgs {
                for _ in 0..4 {
                    let values = pool.row(dice, ancestor, *org);
                    let insert = format!("{} on conflict do nothing", insert_text(ancestor, &values));
                    superuser.execute(AssertSqlSafe(insert)).await.unwrap();
                }
            }
        }
        pool.look_up(superuser, table, orgs).await;
        pool
    }

    /// Reads the keys that the parents of `table` have.
    async fn look_up(&mut self, superuser: &PgPool, table: &Table, orgs: &[Uuid]) {
        for parent in &table.parents {
            for org in orgs {
                let list: Vec<String> =
                    parent.target_columns.iter().map(|column| format!("{column}::text")).collect();
                let filter = match parent.columns.iter().position(|column| column == "org_id") {
                    Some(at) => format!(" where {} = '{org}'", parent.target_columns[at]),
                    None => String::new(),
                };
                let query =
                    format!("select array[{}] from {}{filter} order by 1", list.join(", "), parent.target);
                let keys = sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(superuser).await.unwrap();
                self.parents.insert((foreign_name(table, parent), *org), keys);
            }
        }
    }

    /// A row of `org` that breaks no constraint, unless its key is taken.
    pub fn row(&self, dice: &mut Dice, table: &Table, org: Uuid) -> Values {
        let mut values = Values::new();
        for column in &table.columns {
            let needed =
                !column.is_nullable || table.key.contains(&column.name) || column.name == table.payload;
            if !table.left_null.contains(&column.name) && (needed || dice.below(2) == 0) {
                values.insert(column.name.clone(), value(dice, column));
            }
        }
        for parent in &table.parents {
            let keys = &self.parents[&(foreign_name(table, parent), org)];
            for (column, part) in parent.columns.iter().zip(dice.pick(keys)) {
                values.insert(column.clone(), part.clone());
            }
        }
        values.insert("org_id".to_owned(), org.to_string());
        values
    }
}

fn depends(tables: &[Table], table: &Table, on: &str) -> bool {
    table.parents.iter().any(|parent| {
        parent.target == on
            || tables
                .iter()
                .any(|it| it.name == parent.target && it.name != table.name && depends(tables, it, on))
    })
}

fn foreign_name(table: &Table, parent: &Parent) -> String {
    format!("{}({})", table.name, parent.columns.join(","))
}

/// A value that fits the column, as PostgreSQL prints it.
pub fn value(dice: &mut Dice, column: &Column) -> String {
    if !column.listed.is_empty() {
        return dice.pick(&column.listed).clone();
    }
    match column.kind.as_str() {
        "uuid" => dice.uuid().to_string(),
        "text" => format!("t{:x}", dice.roll()),
        "bytea" => format!("\\x{}{}", dice.uuid().simple(), dice.uuid().simple()),
        "boolean" => if dice.below(2) == 0 { "true" } else { "false" }.to_owned(),
        "integer" | "bigint" => (10 + dice.below(30_000)).to_string(),
        "timestamp with time zone" => {
            format!(
                "20{:02}-{:02}-{:02} {:02}:{:02}:00+00",
                20 + dice.below(9),
                1 + dice.below(12),
                1 + dice.below(28),
                dice.below(24),
                dice.below(60)
            )
        }
        "numeric(12,5)" => format!("{}.{:05}", dice.below(1_000), dice.below(100_000)),
        "json" | "jsonb" => format!("{{\"n\": {}}}", dice.below(1_000_000)),
        "text[]" => format!("{{t{}}}", dice.below(1_000)),
        other => panic!("column {} has type {other}: teach this function to make one", column.name),
    }
}

/// The text of an insert.
pub fn insert_text(table: &Table, values: &Values) -> String {
    let names: Vec<&str> = values.keys().map(String::as_str).collect();
    format!("insert into {} ({}) values ({})", table.name, names.join(", "), literals(table, values))
}

/// The values as typed literals.
pub fn literals(table: &Table, values: &Values) -> String {
    let literal = |(name, value): (&String, &String)| {
        let kind = &table.columns.iter().find(|column| column.name == *name).unwrap().kind;
        format!("'{value}'::{kind}")
    };
    values.iter().map(literal).collect::<Vec<_>>().join(", ")
}

/// The row's key within its organization, as `key_sql` has the database print it.
pub fn key_of(table: &Table, values: &Values) -> String {
    table.key.iter().map(|column| values[column].as_str()).collect::<Vec<_>>().join("|")
}

/// An expression that prints the key of a row, the organization left out.
pub fn key_sql(table: &Table) -> String {
    let parts: Vec<String> = table.key.iter().map(|column| format!("t.{column}::text")).collect();
    if parts.is_empty() { "''".to_owned() } else { format!("concat_ws('|', {})", parts.join(", ")) }
}
