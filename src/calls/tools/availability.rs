//! `check_availability`: free appointments by the clinic's clock, a few of each day.

use jiff::civil::Date;
use jiff::{SignedDuration, Span, Timestamp};

use super::arguments::When;
use super::{Context, Ended, fallback};
use crate::calls::booking::{self, Found};
use crate::calls::clinic::{moment, timestamp};
use crate::calls::slots::Slot;
use crate::db::{DbError, OrgTx, appointments};

/// Days that are looked at from the first one that would suit.
const DAYS: i64 = 14;
/// What is offered: so many days, and so many times of each.
const MOST_DAYS: usize = 3;
const MOST_TIMES: usize = 4;

pub(super) async fn run(context: &Context<'_>) -> Ended {
    let (facts, call) = (context.facts, context.call);
    let service = match facts.service(call.text(&["service", "serviceName", "reason"])) {
        Ok(service) => service,
        Err(sentence) => return Ended::failed(sentence),
    };
    let practitioner = match facts.practitioner(service, call.text(&["practitioner", "doctor", "with"])) {
        Ok(practitioner) => practitioner,
        Err(sentence) => return Ended::failed(sentence),
    };
    let now = timestamp(context.services.clock.now());
    let today = facts.local(now).date();
    let day = |keys: &[&str]| match call.when(keys, &facts.local(now)) {
        Some(When::Day(day)) => Some(day),
        Some(When::Moment(at)) => Some(facts.local(at).date()),
        None => None,
    };
    let last_of_all = add_days(today, i64::from(facts.plan.days_ahead));
    let asked = day(&["date", "from", "start", "day"]).unwrap_or(today).max(today);
    if asked > last_of_all {
        return Ended::done(format!("Appointments can be made up to {last_of_all}. Ask for an earlier day."));
    }
    let until = day(&["until", "to", "end"]).unwrap_or(asked).max(asked);
    let last = until.max(add_days(asked, DAYS - 1)).min(add_days(asked, 60)).min(last_of_all);
    // Enough of them, so that what the day's part or other bookings take leaves some.
    let wish = facts.wish(service, now, asked, last, 600);
    let schedule = facts.schedule(practitioner);
    // Wider than what is looked at, whatever the time zone.
    let (from, until) = (add_days(asked, -2), add_days(last, 3));
    let midnight = |day: Date| day.to_zoned_datetime(facts.time_zone.clone()).map(|zoned| zoned.timestamp());
    let span = (midnight(from).unwrap_or(now), midnight(until).unwrap_or(now));
    let aside = match booking::of_others(context.services, context.org, span, practitioner).await {
        Ok(aside) => aside,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, org = %context.org, "the appointments of others could not be read");
            Vec::new()
        }
    };
    let look = context.time_to_look();
    let found = booking::find_slots(context.services, context.org, &schedule, &wish, &aside, look).await;
    let slots = match found {
        Ok(Found::Slots(slots)) => slots,
        Ok(Found::Full) => Vec::new(),
        Ok(Found::Unavailable(why)) => {
            tracing::warn!(org = %context.org, why = %why.why.sentence, "a calendar could not be asked during a call");
            return Ended::failed(fallback::calendar_down(context).await);
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, org = %context.org, "no calendar could be asked during a call");
            return Ended::failed(fallback::calendar_down(context).await);
        }
    };
    let who = practitioner.map(|person| person.name.as_str());
    let slots = match leave_out_claimed(context, slots, who, wish.buffer_before, wish.buffer_after).await {
        Ok(slots) => slots,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, org = %context.org, "the bookings under way could not be read");
            return Ended::failed(fallback::calendar_down(context).await);
        }
    };
    let part = call.text(&["partOfDay", "timeOfDay", "preference"]).unwrap_or_default().to_lowercase();
    let fits = |slot: &Slot| {
        let hour = facts.local(slot.start).hour();
        match part.as_str() {
            "morning" => hour < 12,
            "afternoon" => (12..17).contains(&hour),
            "evening" => hour >= 17,
            _ => true,
        }
    };
    let times: Vec<Timestamp> = slots.iter().filter(|slot| fits(slot)).map(|slot| slot.start).collect();
    Ended::done(sentence(context, &service.name, &times, asked, last))
}

fn add_days(day: Date, days: i64) -> Date {
    day.checked_add(Span::new().days(days)).unwrap_or(day)
}

/// What another call is booking this very moment is not offered.
async fn leave_out_claimed(
    context: &Context<'_>,
    slots: Vec<Slot>,
    practitioner: Option<&str>,
    before: SignedDuration,
    after: SignedDuration,
) -> Result<Vec<Slot>, DbError> {
    let (Some(first), Some(last)) = (slots.first(), slots.last()) else { return Ok(slots) };
    let wide = |at: Timestamp, by: SignedDuration| moment(at.checked_add(by).unwrap_or(at));
    let (from, until) = (wide(first.start, -before), wide(last.end, after));
    let mut tx = OrgTx::service(&context.services.pool, context.org).await?;
    let claimed = appointments::list_claimed(&mut tx, from, until, None, practitioner).await?;
    tx.commit().await?;
    let is_free = |slot: &Slot| {
        let (from, until) = (wide(slot.start, -before), wide(slot.end, after));
        claimed.iter().all(|row| row.ends_at <= from || row.starts_at >= until)
    };
    Ok(slots.into_iter().filter(is_free).collect())
}

/// `Free times for Cleaning: Tuesday 2026-12-01 at 09:00, 10:30; Wednesday 2026-12-02 at 09:00.`
fn sentence(context: &Context<'_>, service: &str, times: &[Timestamp], asked: Date, last: Date) -> String {
    let mut days: Vec<(Date, Vec<String>)> = Vec::new();
    for at in times {
        let local = context.facts.local(*at);
        let time = local.strftime("%H:%M").to_string();
        let is_full = days.len() == MOST_DAYS;
        match days.last_mut() {
            Some((day, of_day)) if *day == local.date() => of_day.push(time),
            _ if is_full => break,
            _ => days.push((local.date(), vec![time])),
        }
    }
    if days.is_empty() {
        return format!("Nothing is free for {service} from {asked} to {last}. Ask for another time.");
    }
    let hint = match days.first() {
        Some((day, _)) if *day != asked => format!("Nothing is free on {asked}. "),
        _ => String::new(),
    };
    let listed: Vec<String> = days
        .iter()
        .map(|(day, of_day)| format!("{} at {}", day.strftime("%A %Y-%m-%d"), spread(of_day).join(", ")))
        .collect();
    format!("{hint}Free times for {service}: {}.", listed.join("; "))
}

/// A few of many, over the whole day, the first one among them.
fn spread(of_day: &[String]) -> Vec<&str> {
    let step = of_day.len().div_ceil(MOST_TIMES).max(1);
    of_day.iter().step_by(step).map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_offered_from_its_first_time_to_its_last() {
        let day: Vec<String> = (0..10).map(|at| at.to_string()).collect();
        assert_eq!(spread(&day), ["0", "3", "6", "9"]);
        assert_eq!(spread(&day[..2]), ["0", "1"]);
        assert_eq!(spread(&[]), Vec::<&str>::new());
    }
}
