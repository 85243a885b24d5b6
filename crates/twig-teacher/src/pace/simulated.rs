//! The pace against servers in simulated time.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use tokio::time::Instant;

use super::state::State;
use crate::limits::LimitSettings;

/// What happens to a call; times are in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Answered { sent: u64 },
    Refused { sent: u64 },
    Back,
    Wants { spread: bool },
}

/// Calls against a server in simulated time: `lets_in` decides, a refusal comes after `refused_in` and an answer
/// after 200 ms, and a refused call is sent again after `pause`. Returns the calls sent and the seconds
/// until the last answer.
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
                Ok(()) => {
                    sent += 1;
                    let let_in = lets_in(now as f64 / 1e6);
                    let event = if let_in {
                        (now + 200_000, Happens::Answered { sent: now })
                    } else {
                        (now + refused_in.as_micros() as u64, Happens::Refused { sent: now })
                    };
                    events.push(Reverse(event));
                }
            },
            Happens::Answered { .. } => {
                state.succeeded();
                under_way -= 1;
            }
            Happens::Refused { sent } => {
                if state.refused(at(sent), at(now), retry_after).is_some() {
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

const MILLISECOND: Duration = Duration::from_millis(1);

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
    for (concurrency, calls, refused_in, most_sent) in [
        (32, 400, 1, 420),
        (32, 400, 20, 450),
        (32, 400, 50, 480),
        (64, 800, 50, 960),
        (256, 2_000, 100, 5_000),
    ] {
        let mut state = State::new(concurrency, &LimitSettings::default(), begin);
        let refused_in = Duration::from_millis(refused_in);
        let named = Some(Duration::from_secs(1));
        let (sent, _, secs) = simulated(&mut state, begin, calls, named, refused_in, bucket(40.0));
        assert!(sent <= most_sent, "{sent} calls were sent for {calls} answers, refused in {refused_in:?}");
        // The first 40 come out of the full bucket.
        let floor = (calls - 40) as f64 / 40.0 + 0.2;
        assert!(secs <= 1.25 * floor, "{secs} s for {floor}, refused in {refused_in:?}");
    }
}

#[test]
fn stray_refusals_slow_nothing_down() {
    const SEEDS: u64 = 40;
    let begin = Instant::now();
    let (mut all_secs, mut pauses) = (0.0, 0);
    for seed in 0..SEEDS {
        let mut state = State::new(64, &LimitSettings::default(), begin);
        let mut random = fastrand::Rng::with_seed(seed);
        // Without a word from the server the pauses are our own, and the last calls end later for them.
        let named = (seed % 2 == 0).then_some(Duration::from_millis(20));
        let stray = |_| random.f64() >= 0.3;
        let (sent, overloads, secs) = simulated(&mut state, begin, 4_000, named, MILLISECOND, stray);
        assert!(sent > 5_000, "{sent}");
        all_secs += secs;
        pauses += overloads;
    }
    let floor = SEEDS as f64 * 4_000.0 / 64.0 * 0.2;
    // Before anything is known of a server, a few in a row are taken for overload now and then.
    assert!(all_secs < 1.08 * floor && pauses <= 12, "{all_secs} s for {floor}, {pauses} pauses");
}
