//! The pace against servers in simulated time.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use tokio::time::Instant;

use super::state::State;
use crate::limits::LimitSettings;

/// What happens to a call; times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Answered,
    Refused { number: u64 },
    Back,
    Wants { spread: bool },
}

/// Calls against a server in simulated time: `lets_in` decides, a refusal comes after half to one and a half of
/// `refused_in` and an answer after 200 ms, and a refused call is sent again after `retry_after`, or 250 ms where the
/// server names nothing. Returns the calls sent, the overloads found and the seconds until the last answer.
fn simulated(
    state: &mut State,
    begin: Instant,
    calls: usize,
    retry_after: Option<Duration>,
    refused_in: Duration,
    mut lets_in: impl FnMut(f64) -> bool,
) -> (usize, u32, f64) {
    let at = |micros: u64| begin + Duration::from_micros(micros);
    let mut events: BinaryHeap<Reverse<(u64, Happens)>> = BinaryHeap::new();
    let (mut waiting, mut under_way, mut sent, mut overloads, mut now) = (calls, 0, 0, 0, 0);
    let mut random = fastrand::Rng::with_seed(7);
    loop {
        while waiting > 0 && under_way < state.limit {
            waiting -= 1;
            under_way += 1;
            events.push(Reverse((now, Happens::Wants { spread: false })));
        }
        let Some(Reverse((micros, happens))) = events.pop() else { break };
        now = micros;
        match happens {
            Happens::Wants { mut spread } => match state.may_go(at(now), &mut spread) {
                Err(until) => {
                    let micros = until.duration_since(begin).as_micros() as u64;
                    events.push(Reverse((micros.max(now + 1), Happens::Wants { spread })));
                }
                Ok(number) => {
                    sent += 1;
                    let let_in = lets_in(now as f64 / 1e6);
                    let event = if let_in {
                        (now + 200_000, Happens::Answered)
                    } else {
                        (
                            now + refused_in.mul_f64(0.5 + random.f64()).as_micros() as u64,
                            Happens::Refused { number },
                        )
                    };
                    events.push(Reverse(event));
                }
            },
            Happens::Answered => {
                state.succeeded();
                under_way -= 1;
            }
            Happens::Refused { number } => {
                if state.refused(number, at(now), retry_after).is_some() {
                    overloads += 1;
                }
                under_way -= 1;
                let pause = retry_after.unwrap_or(Duration::from_millis(250)).as_micros() as u64;
                events.push(Reverse((now + pause, Happens::Back)));
            }
            Happens::Back => waiting += 1,
        }
    }
    (sent, overloads, now as f64 / 1e6)
}

/// Lets in so many calls a second, out of a bucket of as many.
fn bucket(per_sec: f64) -> impl FnMut(f64) -> bool {
    let (mut left, mut last) = (per_sec, 0.0);
    move |now: f64| {
        left = (left + (now - last) * per_sec).min(per_sec);
        last = now;
        let let_in = left >= 1.0;
        left -= f64::from(u8::from(let_in));
        let_in
    }
}

#[test]
fn a_server_with_a_limit_is_hardly_asked_in_vain() {
    let begin = Instant::now();
    // What was sent until a refusal came is lost, whoever counts; before, nearly everything else was too.
    let second = Some(Duration::from_secs(1));
    for (concurrency, calls, refused_in, named, most_sent) in [
        (32, 400, 1, second, 420),
        (32, 400, 1, None, 460),
        (32, 400, 20, second, 450),
        (32, 400, 50, second, 480),
        (64, 800, 50, second, 960),
        (256, 2_000, 100, second, 3_000),
    ] {
        let mut state = State::new(concurrency, &LimitSettings::default(), begin);
        let refused_in = Duration::from_millis(refused_in);
        let (sent, _, secs) = simulated(&mut state, begin, calls, named, refused_in, bucket(40.0));
        assert!(sent <= most_sent, "{sent} calls were sent for {calls} answers, refused in {refused_in:?}");
        // The first 40 come out of the full bucket.
        let floor = (calls - 40) as f64 / 40.0 + 0.2;
        assert!(secs <= 1.25 * floor, "{secs} s for {floor}, refused in {refused_in:?}");
    }
}

#[test]
fn stray_refusals_slow_nothing_down() {
    // A refused call has its place for as long as the refusal takes; the first 100 ms are a burst that is spread.
    for (share, refused_in, most_pauses, slower) in
        [(0.3, 1, 6, 1.03), (0.3, 10, 6, 1.06), (0.3, 50, 6, 1.3), (0.02, 1, 6, 1.03), (0.4, 1, 12, 1.04)]
    {
        let (secs, pauses) = with_stray_refusals(share, Duration::from_millis(refused_in));
        let what = format!("{secs} of the time without, {pauses} pauses; {share} refused in {refused_in} ms");
        // Before anything is known of a server, a few in a row are taken for overload now and then.
        assert!(secs < slower && pauses <= most_pauses, "{what}");
    }
}

/// The time of forty jobs in which this share of the calls is refused for no reason, as a multiple of what they take
/// without that, and the overloads that were found in them.
fn with_stray_refusals(share: f64, refused_in: Duration) -> (f64, u32) {
    const SEEDS: u64 = 40;
    let (mut all_secs, mut pauses) = (0.0, 0);
    let begin = Instant::now();
    for seed in 0..SEEDS {
        let mut state = State::new(64, &LimitSettings::default(), begin);
        let mut random = fastrand::Rng::with_seed(seed);
        // Where the server names none the pauses are our own, and the last calls of all end later for them.
        let named = Some(Duration::from_millis(20));
        let stray = |_| random.f64() >= share;
        let (sent, overloads, secs) = simulated(&mut state, begin, 4_000, named, refused_in, stray);
        assert!(sent as f64 > 4_000.0 / (1.0 - share) * 0.9, "{sent}");
        all_secs += secs;
        pauses += overloads;
    }
    (all_secs / (SEEDS as f64 * 4_000.0 / 64.0 * 0.2), pauses)
}
