//! Months of orders: when they come, what is in them, and what became of each. Stock moves with them, as it would have.

use std::collections::HashMap;
use std::f64::consts::TAU;
use std::time::Duration;

use jiff::ToSpan;

use super::chance::Chance;
use super::people::{self, Person};
use super::store::{self, Article, Move, Past, PastLine, SANDBOX, Shelf};
use crate::app::App;
use crate::clock::Time;
use crate::error::{Error, Result};
use crate::orders::{PaymentMethod, State, Status, Step};

/// Orders written in one transaction.
const BATCH: usize = 250;
const HOUR: Duration = Duration::from_secs(3600);
/// Monday to Sunday.
const WEEK: [f64; 7] = [0.95, 0.9, 0.95, 1.0, 1.15, 1.25, 1.1];
/// From midnight on; evenings are busy.
const CLOCK: [usize; 24] = [
    3, 2, 1, 1, 1, 2, 4, 7, 10, 12, 13, 13, 14, 13, 12, 12, 13, 14, 16, 19, 21, 19, 13, 7,
];

/// The days on which the shop was open, and how many of its orders fall on each.
pub(super) struct Calendar {
    days: Vec<(Time, Time, u64)>,
    now: Time,
}

impl Calendar {
    /// Up to yesterday in the shop's time zone, so that the same day makes the same shop.
    pub(super) fn new(app: &App, days: u32) -> anyhow::Result<Self> {
        let zone = &app.config.time_zone;
        let today = app.clock.now().day(zone);
        let start_of = |ago: i64| -> anyhow::Result<(jiff::civil::Date, Time)> {
            let date = today.checked_sub(ago.days())?;
            Ok((date, Time::from(date.to_zoned(zone.clone())?.timestamp())))
        };
        let mut all = Vec::with_capacity(days as usize);
        for ago in (1..=i64::from(days)).rev() {
            let ((date, start), (_, end)) = (start_of(ago)?, start_of(ago - 1)?);
            all.push((start, end, weight(date, all.len(), days)));
        }
        Ok(Calendar {
            days: all,
            now: start_of(0)?.1,
        })
    }

    pub(super) fn opening(&self) -> Time {
        self.days.first().map_or(self.now, |(start, ..)| *start)
    }

    /// When the product at `at` of `total` came into the catalog: in the two months before the shop opened.
    pub(super) fn before(&self, at: u64, total: u32) -> Time {
        let left = u64::from(total).saturating_sub(at) * 60 * 24 / u64::from(total).max(1);
        self.opening() - HOUR * u32::try_from(left).unwrap_or(0)
    }

    /// The moments of all orders, in order.
    fn moments(&self, orders: u32, chance: &mut Chance) -> Result<Vec<Time>> {
        let weights: Vec<u64> = self.days.iter().map(|(.., weight)| *weight).collect();
        let counts = money::allocate(i64::from(orders), &weights).map_err(Error::internal)?;
        let mut all = Vec::with_capacity(orders as usize);
        for ((start, end, _), count) in self.days.iter().zip(counts) {
            for _ in 0..count {
                let hour = u32::try_from(chance.weighted(&CLOCK)).unwrap_or(0);
                let within = Duration::from_secs(chance.below(3600) as u64);
                all.push((*start + HOUR * hour + within).min(*end - Duration::from_secs(1)));
            }
        }
        all.sort_unstable();
        Ok(all)
    }
}

/// A shop that grows, with weekends, a quiet summer and a loud December.
fn weight(date: jiff::civil::Date, at: usize, days: u32) -> u64 {
    let week = WEEK[usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0) % 7];
    let year = 1.0 + 0.2 * (TAU * (f64::from(date.day_of_year()) - 350.0) / 365.0).cos();
    let feast = match (date.month(), date.day()) {
        (11, 20..=30) => 0.7,
        (12, 1..=20) => 0.5,
        (12, 24..=26) => -0.5,
        _ => 0.0,
    };
    let growth = 0.7 + 0.6 * at as f64 / f64::from(days.max(1));
    (1000.0 * week * (year + feast) * growth) as u64
}

/// Places them all and returns how many. `told` hears how many are there.
pub(super) async fn add(
    app: &App,
    orders: u32,
    calendar: &Calendar,
    customers: &[Person],
    chance: &mut Chance,
    told: &mut (dyn FnMut(u64) + Send),
) -> Result<u64> {
    let articles = store::articles(&app.db.read().await?).await?;
    let mut shelves: Vec<i64> = articles.iter().map(|article| article.stock).collect();
    let moments = calendar.moments(orders, chance)?;
    let mut done = 0;
    for batch in moments.chunks(BATCH) {
        let mut shelf = Shelf::default();
        let mut past = Vec::with_capacity(batch.len());
        for &at in batch {
            let lines = fill(&articles, &mut shelves, &mut shelf, at, chance);
            // Some come again and again.
            let place = (chance.unit().powi(2) * customers.len() as f64) as usize;
            let person = match customers.get(place) {
                Some(person) if chance.percent(85) => person.clone(),
                _ => people::guest(chance),
            };
            past.push(live(
                at,
                calendar.now,
                person,
                lines,
                &articles,
                &mut shelves,
                &mut shelf,
                chance,
            ));
        }
        store::add_orders(app, &past, &shelf, &articles).await?;
        done += past.len() as u64;
        told(done);
    }
    Ok(done)
}

/// What somebody puts into the cart. Shelves that run out are mostly filled again.
fn fill(
    articles: &[Article],
    shelves: &mut [i64],
    shelf: &mut Shelf,
    at: Time,
    chance: &mut Chance,
) -> Vec<PastLine> {
    let wanted = 1 + chance.weighted(&[45, 28, 15, 8, 4]);
    let mut lines: Vec<PastLine> = Vec::with_capacity(wanted);
    for tried in 0..wanted * 8 {
        if lines.len() == wanted {
            break;
        }
        // A few articles sell well, most now and then; neighbours in the list do not sell alike.
        let rank = (chance.unit().powi(3) * articles.len() as f64) as usize;
        let article = rank.wrapping_mul(7919) % articles.len();
        let quantity = 1 + i64::try_from(chance.weighted(&[80, 15, 5])).unwrap_or(0);
        if lines.iter().any(|line| line.article == article) {
            continue;
        }
        if shelves[article] < quantity {
            if !chance.percent(80) && tried + 1 < wanted * 8 {
                continue;
            }
            let more = chance.between(30, 150);
            shelves[article] += more;
            shelf.moves(Move {
                article,
                kind: "received",
                quantity: more,
                order: None,
                reason: "goods arrived",
                at: at - HOUR,
            });
        }
        shelves[article] -= quantity;
        lines.push(PastLine { article, quantity });
    }
    lines
}

/// What became of an order until now.
#[expect(
    clippy::too_many_arguments,
    reason = "one caller, and each says something of its own"
)]
fn live(
    at: Time,
    now: Time,
    person: Person,
    lines: Vec<PastLine>,
    articles: &[Article],
    shelves: &mut [i64],
    shelf: &mut Shelf,
    chance: &mut Chance,
) -> Past {
    let hours = |from: i64, to: i64, chance: &mut Chance| {
        Duration::from_secs(u64::try_from(chance.between(from * 60, to * 60)).unwrap_or(0) * 60)
    };
    let online = chance.percent(65);
    let method = if online { SANDBOX } else { PaymentMethod::COD };
    let packed = at + hours(2, 20, chance);
    let sent = packed + hours(4, 30, chance);
    let there = sent + hours(20, 90, chance);
    let plan: Vec<(Status, Time)> = if chance.percent(4) {
        vec![(Status::Cancelled, at + hours(1, 12, chance))]
    } else if online {
        let paid = at + Duration::from_secs(chance.below(600) as u64 + 40);
        vec![
            (Status::Paid, paid),
            (Status::Processing, packed),
            (Status::Shipped, sent),
            (Status::Delivered, there),
        ]
    } else {
        let confirmed = at + hours(0, 2, chance);
        vec![
            (Status::Confirmed, confirmed),
            (Status::Processing, packed),
            (Status::Shipped, sent),
            (Status::Delivered, there),
            (Status::Paid, there),
        ]
    };
    let mut state = State::PLACED;
    let mut steps: Vec<(Step, Time)> = Vec::new();
    let order = shelf.next_order();
    let mut moves = |kind: &'static str, reason: &'static str, at: Time| {
        for line in &lines {
            let (article, quantity) = (line.article, line.quantity);
            shelf.moves(Move {
                article,
                kind,
                quantity,
                order: Some(order),
                reason,
                at,
            });
        }
    };
    moves("reserved", "order placed", at);
    let (mut paid_at, mut confirmed_at, mut shipped, mut last) = (None, None, false, at);
    for (command, when) in plan.into_iter().filter(|(_, when)| *when < now) {
        let Some((after, step)) = state.after(command) else {
            continue;
        };
        (state, last) = (after, last.max(when));
        steps.push((step, when));
        match command {
            Status::Paid => paid_at = Some(when),
            Status::Confirmed => confirmed_at = Some(when),
            Status::Shipped => {
                shipped = true;
                moves("sold", "order shipped", when);
            }
            Status::Cancelled => {
                moves("released", "order ended", when);
                lines
                    .iter()
                    .for_each(|line| shelves[line.article] += line.quantity);
            }
            _ => {}
        }
    }
    let total = lines
        .iter()
        .map(|line| line.quantity * articles[line.article].price_minor)
        .sum();
    Past {
        number: number(chance),
        person,
        method,
        state,
        steps,
        lines,
        total,
        paid_at,
        confirmed_at,
        shipped,
        at,
        last,
    }
}

/// As the shop's own, of the seed.
fn number(chance: &mut Chance) -> String {
    const LETTERS: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    (0..19)
        .map(|at| {
            if at % 5 == 4 {
                '-'
            } else {
                char::from(LETTERS[chance.below(LETTERS.len())])
            }
        })
        .collect()
}

/// Changes of (on hand, reserved) by article.
pub(super) fn sums(moves: &[Move]) -> HashMap<usize, (i64, i64)> {
    let mut sums: HashMap<usize, (i64, i64)> = HashMap::new();
    for movement in moves {
        let (on_hand, reserved) = sums.entry(movement.article).or_default();
        match movement.kind {
            "received" => *on_hand += movement.quantity,
            "reserved" => *reserved += movement.quantity,
            "released" => *reserved -= movement.quantity,
            _ => {
                *on_hand -= movement.quantity;
                *reserved -= movement.quantity;
            }
        }
    }
    sums
}
