//! What the catalogue says, read in a few statements. No judgement here.

use sqlx::{FromRow, PgConnection};

/// A table, view or the like of schema `public`.
#[derive(Debug, FromRow)]
pub(super) struct Relation {
    pub name: String,
    /// `r` table, `p` partitioned table, `v` view, and so on (`pg_class.relkind`).
    pub kind: String,
    pub is_secured: bool,
    pub is_forced: bool,
    /// Of a view: it looks at its tables with the rights of who asks.
    pub is_invoker: bool,
    /// `org_id uuid not null` is there.
    pub has_org_id: bool,
    pub has_primary_key: bool,
    /// The trigger that keeps `org_id` is there, switched on, for every row and every update.
    pub keeps_org_id: bool,
    /// What the server's role may do beyond rows: TRUNCATE, REFERENCES, TRIGGER.
    pub excess_of_app: Vec<String>,
    /// What everybody may do.
    pub rights_of_public: Vec<String>,
    /// What the backup role may do besides reading.
    pub excess_of_backup: Vec<String>,
    /// The backup role may read it.
    pub is_dumped: bool,
    /// Commands that the server's role may use, on the table or some of its columns.
    pub commands_of_app: Vec<String>,
    /// Owned by the server's role, the gate or the backup role.
    pub is_owned_by_server: bool,
}

/// An index that refuses duplicates.
#[derive(Debug, FromRow)]
pub(super) struct UniqueIndex {
    pub table: String,
    pub name: String,
    /// The first column; empty for an expression.
    pub first_column: String,
}

/// A foreign key from one table of `public` to another.
#[derive(Debug, FromRow)]
pub(super) struct ForeignKey {
    pub table: String,
    pub name: String,
    pub target: String,
    /// `org_id` here is matched with `org_id` there.
    pub pairs_org_id: bool,
}

/// A row-level security policy.
#[derive(Debug, FromRow)]
pub(super) struct Policy {
    pub table: String,
    pub name: String,
    /// `r` select, `a` insert, `w` update, `d` delete, `*` all (`pg_policy.polcmd`).
    pub command: String,
    pub is_permissive: bool,
    /// `public` stands for everybody.
    pub roles: Vec<String>,
    /// Empty where there is none.
    pub using: String,
    pub with_check: String,
}

/// A function or procedure outside of the system's own schemas.
#[derive(Debug, FromRow)]
pub(super) struct Function {
    pub schema: String,
    pub name: String,
    pub is_definer: bool,
    pub owner: String,
    pub settings: Vec<String>,
    pub is_public: bool,
}

/// What a role is, beyond being able to log in.
#[derive(Debug, FromRow)]
pub(super) struct RoleFacts {
    pub name: String,
    pub can_login: bool,
    /// SUPERUSER, BYPASSRLS, CREATEROLE, CREATEDB, REPLICATION.
    pub powers: Vec<String>,
    /// Roles that it is a member of, directly or not.
    pub member_of: Vec<String>,
    /// May make objects in schema public.
    pub may_create: bool,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Facts {
    pub relations: Vec<Relation>,
    pub unique_indexes: Vec<UniqueIndex>,
    pub foreign_keys: Vec<ForeignKey>,
    pub policies: Vec<Policy>,
    pub functions: Vec<Function>,
    pub roles: Vec<RoleFacts>,
}

impl Facts {
    /// Prepares nothing under a name: the connection may be a pooler's.
    pub async fn read(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        Ok(Self {
            relations: sqlx::query_as(RELATIONS).persistent(false).fetch_all(&mut *connection).await?,
            unique_indexes: sqlx::query_as(UNIQUE_INDEXES)
                .persistent(false)
                .fetch_all(&mut *connection)
                .await?,
            foreign_keys: sqlx::query_as(FOREIGN_KEYS).persistent(false).fetch_all(&mut *connection).await?,
            policies: sqlx::query_as(POLICIES).persistent(false).fetch_all(&mut *connection).await?,
            functions: sqlx::query_as(FUNCTIONS).persistent(false).fetch_all(&mut *connection).await?,
            roles: sqlx::query_as(ROLES).persistent(false).fetch_all(&mut *connection).await?,
        })
    }
}

const RELATIONS: &str = "
select c.relname::text as name, c.relkind::text as kind,
       c.relrowsecurity as is_secured, c.relforcerowsecurity as is_forced,
       coalesce(c.reloptions && '{security_invoker=true,security_invoker=on}'::text[], false) as is_invoker,
       exists (select from pg_attribute a
                where a.attrelid = c.oid and a.attname = 'org_id' and a.atttypid = 'uuid'::regtype
                  and a.attnotnull and not a.attisdropped) as has_org_id,
       exists (select from pg_index x where x.indrelid = c.oid and x.indisprimary) as has_primary_key,
       -- 19 is: before, update, for each row (pg_trigger.h).
       exists (select from pg_trigger t
                where t.tgrelid = c.oid and t.tgname = 'keep_org_id' and t.tgtype = 19 and t.tgenabled in ('O', 'A')
                  and t.tgqual is null and t.tgattr::text = ''
                  and t.tgfoid = to_regproc('public.keep_org_id')) as keeps_org_id,
       array(select p from unnest('{TRUNCATE,REFERENCES,TRIGGER}'::text[]) as p
              where a.oid is not null and has_table_privilege(a.oid, c.oid, p)) as excess_of_app,
       array(select g.privilege_type from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) g
              where g.grantee = 0) as rights_of_public,
       array(select g.privilege_type from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) g
              where g.grantee = b.oid and g.privilege_type <> 'SELECT') as excess_of_backup,
       b.oid is not null and has_table_privilege(b.oid, c.oid, 'SELECT') as is_dumped,
       array(select p from unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) as p
              where a.oid is not null
                and (has_table_privilege(a.oid, c.oid, p)
                     or p <> 'DELETE' and has_any_column_privilege(a.oid, c.oid, p))) as commands_of_app,
       pg_get_userbyid(c.relowner) in ('voxanne_app', 'voxanne_gate', 'voxanne_backup') as is_owned_by_server
  from pg_class c
  left join pg_roles a on a.rolname = 'voxanne_app'
  left join pg_roles b on b.rolname = 'voxanne_backup'
 where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
 order by 1";

const UNIQUE_INDEXES: &str = "
select t.relname::text as table, i.relname::text as name, coalesce(a.attname::text, '') as first_column
  from pg_index x
  join pg_class t on t.oid = x.indrelid
  join pg_class i on i.oid = x.indexrelid
  left join pg_attribute a on a.attrelid = t.oid and a.attnum = x.indkey[0] and x.indkey[0] > 0
 where t.relnamespace = 'public'::regnamespace and (x.indisunique or x.indisexclusion)
 order by 1, 2";

const FOREIGN_KEYS: &str = "
select t.relname::text as table, f.conname::text as name, g.relname::text as target,
       exists (select from unnest(f.conkey, f.confkey) as pair (here, there)
                 join pg_attribute h on h.attrelid = t.oid and h.attnum = pair.here
                 join pg_attribute o on o.attrelid = g.oid and o.attnum = pair.there
                where h.attname = 'org_id' and o.attname = 'org_id') as pairs_org_id
  from pg_constraint f
  join pg_class t on t.oid = f.conrelid
  join pg_class g on g.oid = f.confrelid
 where f.contype = 'f' and t.relnamespace = 'public'::regnamespace
 order by 1, 2";

const POLICIES: &str = "
select c.relname::text as table, p.polname::text as name, p.polcmd::text as command, p.polpermissive as is_permissive,
       array(select case when r = 0 then 'public' else pg_get_userbyid(r)::text end from unnest(p.polroles) as r order by 1) as roles,
       coalesce(pg_get_expr(p.polqual, p.polrelid), '') as using,
       coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '') as with_check
  from pg_policy p join pg_class c on c.oid = p.polrelid
 where c.relnamespace = 'public'::regnamespace
 order by 1, 2";

const FUNCTIONS: &str = "
select n.nspname::text as schema, p.proname::text as name, p.prosecdef as is_definer,
       pg_get_userbyid(p.proowner)::text as owner, coalesce(p.proconfig, '{}') as settings,
       exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g where g.grantee = 0) as is_public
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
 where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_toast%'
   and n.nspname not like 'pg\\_temp%'
 order by 1, 2";

const ROLES: &str = "
select r.rolname::text as name, r.rolcanlogin as can_login,
       array_remove(array[case when r.rolsuper then 'SUPERUSER' end, case when r.rolbypassrls then 'BYPASSRLS' end,
                          case when r.rolcreaterole then 'CREATEROLE' end, case when r.rolcreatedb then 'CREATEDB' end,
                          case when r.rolreplication then 'REPLICATION' end], null) as powers,
       array(select m.rolname::text from pg_roles m
              where m.oid <> r.oid and not r.rolsuper and pg_has_role(r.oid, m.oid, 'member') order by 1) as member_of,
       has_schema_privilege(r.oid, 'public', 'create') as may_create
  from pg_roles r where r.rolname in ('voxanne_app', 'voxanne_gate', 'voxanne_backup')
 order by 1";
