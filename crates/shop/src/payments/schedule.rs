//! When an attempt or a refund that is left open is looked at again.

use std::time::Duration;

use crate::clock::Time;

/// After it was made.
pub(crate) const FIRST: Duration = Duration::from_secs(2 * 60);
/// An attempt of which the provider never told a name cannot be paid by anybody after this.
pub(crate) const NAMELESS: Duration = Duration::from_secs(15 * 60);
/// Stripe keeps the key of a call for a day: a refund older than this may be made twice under one.
pub(crate) const KEYS: Duration = Duration::from_secs(23 * 3600);
/// Then nobody pays any more, at no provider.
pub(crate) const LAST: Duration = Duration::from_secs(4 * 24 * 3600);
/// When a provider has still not said by then what became of a payment, it is asked no more.
pub(crate) const GIVE_UP: Duration = LAST.saturating_mul(2);
const LONGEST: Duration = Duration::from_secs(3600);
/// Of what is asked for after `LAST`, because there was no answer.
const SELDOM: Duration = Duration::from_secs(24 * 3600);

/// After the `checks`-th look: 2, 4, 8 minutes … at most an hour; a day when it is older than four days.
pub(crate) fn next(created_at: Time, checks: i64, now: Time) -> Time {
    if now.since(created_at) >= LAST {
        return now + SELDOM;
    }
    next_refund(checks, now)
}

/// The same for a refund, which is asked for until there is an answer.
pub(crate) fn next_refund(checks: i64, now: Time) -> Time {
    let doublings = u32::try_from(checks).unwrap_or(0).min(6);
    now + FIRST.saturating_mul(1 << doublings).min(LONGEST)
}

/// How often money that the shop itself wants to give back is offered to a provider that refuses it.
const TRIES: i64 = 12;
const FIRST_TRY: Duration = Duration::from_secs(3600);
const LONGEST_TRY: Duration = Duration::from_secs(24 * 3600);

/// After the `refused`-th no: an hour, two, four … a day, for about a week; then it is for staff.
pub(crate) fn next_try(refused: i64, now: Time) -> Option<Time> {
    let doublings = u32::try_from(refused - 1).unwrap_or(0).min(6);
    let pause = FIRST_TRY.saturating_mul(1 << doublings).min(LONGEST_TRY);
    (refused < TRIES).then(|| now + pause)
}
