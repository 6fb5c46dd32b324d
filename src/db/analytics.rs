//! How telling endpoints went: sums over the counts by the hour.
//!
//! Whatever a page shows of a range of time comes out of one statement that reads one index, and never
//! out of the tries themselves: ten million tries of a year are read as the hours in which they were.

use time::{OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use super::{DbError, OrgTx};
use crate::domain::latency::{BUCKETS, percentile};

/// What is summed.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    pub from: OffsetDateTime,
    /// Not included.
    pub until: OffsetDateTime,
    /// A name of the time zone database. An hour belongs to the day in which it begins there.
    pub time_zone: &'a str,
    pub step: Step,
    /// All where there is none.
    pub endpoint: Option<Uuid>,
}

/// How long a place of a chart is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Hour,
    Day,
}

impl Step {
    const fn as_str(self) -> &'static str {
        match self {
            Step::Hour => "hour",
            Step::Day => "day",
        }
    }
}

/// Sums over some hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub succeeded: u64,
    pub failed: u64,
    pub millis_total: u64,
    /// The longest try.
    pub millis_most: i32,
    pub buckets: [i64; BUCKETS],
}

impl Sums {
    pub const fn attempts(&self) -> u64 {
        self.succeeded + self.failed
    }

    /// Takes others in.
    pub fn add(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.millis_total += other.millis_total;
        self.millis_most = self.millis_most.max(other.millis_most);
        for (to, from) in self.buckets.iter_mut().zip(&other.buckets) {
            *to += from;
        }
    }

    /// Milliseconds; none without tries.
    pub fn average(&self) -> Option<f64> {
        (self.attempts() > 0).then(|| self.millis_total as f64 / self.attempts() as f64)
    }

    /// Milliseconds, to within the width of a bucket; none without tries.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        percentile(&self.buckets, self.millis_most, share)
    }
}

/// Sums of a span in every way in which it is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analytics {
    pub all: Sums,
    /// By local hour or day, oldest first; those without a try are left out.
    pub steps: Vec<(PrimitiveDateTime, Sums)>,
    /// By weekday (1 is Monday) and local hour.
    pub week: Vec<(i32, i32, Sums)>,
    pub endpoints: Vec<(Uuid, Sums)>,
    /// Failures by outcome, most frequent first.
    pub failures: Vec<(String, u64)>,
}

#[derive(sqlx::FromRow)]
struct SumRow {
    /// Which of the groupings this row belongs to.
    grouped: i32,
    step: Option<PrimitiveDateTime>,
    weekday: Option<i32>,
    hour_of_day: Option<i32>,
    endpoint_id: Option<Uuid>,
    outcome: Option<String>,
    succeeded: i64,
    failed: i64,
    millis_total: i64,
    millis_most: i32,
    buckets: Vec<i64>,
}

impl SumRow {
    fn sums(&self) -> Sums {
        let mut buckets = [0; BUCKETS];
        for (to, from) in buckets.iter_mut().zip(&self.buckets) {
            *to = *from;
        }
        Sums {
            succeeded: self.succeeded.unsigned_abs(),
            failed: self.failed.unsigned_abs(),
            millis_total: self.millis_total.unsigned_abs(),
            millis_most: self.millis_most,
            buckets,
        }
    }
}

/// What is summed of every row, whatever it is grouped by.
const SUMS: &str = "
    coalesce(sum(attempts) filter (where is_success), 0)::int8 as succeeded,
    coalesce(sum(attempts) filter (where not is_success), 0)::int8 as failed,
    coalesce(sum(millis_total), 0)::int8 as millis_total, coalesce(max(millis_most), 0)::int4 as millis_most,
    array[coalesce(sum(b00), 0), coalesce(sum(b01), 0), coalesce(sum(b02), 0), coalesce(sum(b03), 0), coalesce(sum(b04), 0),
          coalesce(sum(b05), 0), coalesce(sum(b06), 0), coalesce(sum(b07), 0), coalesce(sum(b08), 0), coalesce(sum(b09), 0),
          coalesce(sum(b10), 0), coalesce(sum(b11), 0), coalesce(sum(b12), 0), coalesce(sum(b13), 0), coalesce(sum(b14), 0),
          coalesce(sum(b15), 0)]::int8[] as buckets";

/// The hours of a span; `$1` to `$4` are its ends, its step and its time zone, `$5` an endpoint or null.
const HOURS: &str = "(
    select date_trunc($3, h.hour at time zone $4) as step, extract(isodow from h.hour at time zone $4)::int4 as weekday,
           extract(hour from h.hour at time zone $4)::int4 as hour_of_day, h.outcome = 'succeeded' as is_success, h.*
      from delivery_hours h
     where h.hour >= $1 and h.hour < $2 and ($5::uuid is null or h.endpoint_id = $5)) hours";

/// The statement of [`summarize`], for those who ask how it is carried out.
pub fn summary_statement() -> String {
    format!(
        "select grouping(step, weekday, endpoint_id, outcome)::int4 as grouped, step, weekday, hour_of_day, endpoint_id,
                outcome, {SUMS}
           from {HOURS}
          group by grouping sets ((), (step), (weekday, hour_of_day), (endpoint_id), (outcome))
          order by step, weekday, hour_of_day"
    )
}

/// The statement of [`list_recent`].
pub fn recent_statement() -> String {
    format!(
        "select grouping(step)::int4 as grouped, step, null::int4 as weekday, null::int4 as hour_of_day, endpoint_id,
                null::text as outcome, {SUMS}
           from {HOURS}
          group by grouping sets ((endpoint_id), (endpoint_id, step))
          order by endpoint_id, step"
    )
}

async fn rows(tx: &mut OrgTx, statement: String, span: &Span<'_>) -> Result<Vec<SumRow>, DbError> {
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(statement))
        .bind(span.from)
        .bind(span.until)
        .bind(span.step.as_str())
        .bind(span.time_zone)
        .bind(span.endpoint)
        .fetch_all(tx.conn())
        .await?)
}

/// Sums a span in every way at once.
pub async fn summarize(tx: &mut OrgTx, span: &Span<'_>) -> Result<Analytics, DbError> {
    let mut out = Analytics::default();
    for row in rows(tx, summary_statement(), span).await? {
        let sums = row.sums();
        // A bit for each column that a row is not grouped by, the first column the highest.
        match (row.grouped, row.step, row.weekday, row.hour_of_day, row.endpoint_id, row.outcome) {
            (0b1111, ..) => out.all = sums,
            (0b0111, Some(step), ..) => out.steps.push((step, sums)),
            (0b1011, _, Some(weekday), Some(hour), ..) => out.week.push((weekday, hour, sums)),
            (0b1101, _, _, _, Some(endpoint), _) => out.endpoints.push((endpoint, sums)),
            (0b1110, _, _, _, _, Some(outcome)) if sums.failed > 0 => {
                out.failures.push((outcome, sums.failed))
            }
            _ => {}
        }
    }
    out.failures.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(out)
}

/// One endpoint within a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    pub all: Sums,
    /// By local day or hour, oldest first; those without a try are left out.
    pub steps: Vec<(PrimitiveDateTime, Sums)>,
}

/// Each endpoint that was tried within a span, with its sums.
pub async fn list_recent(tx: &mut OrgTx, span: &Span<'_>) -> Result<Vec<(Uuid, Recent)>, DbError> {
    let mut out: Vec<(Uuid, Recent)> = Vec::new();
    for row in rows(tx, recent_statement(), span).await? {
        let Some(endpoint) = row.endpoint_id else { continue };
        if out.last().is_none_or(|(last, _)| *last != endpoint) {
            out.push((endpoint, Recent::default()));
        }
        let sums = row.sums();
        if let Some((_, recent)) = out.last_mut() {
            match row.step {
                Some(step) => recent.steps.push((step, sums)),
                None => recent.all = sums,
            }
        }
    }
    Ok(out)
}
