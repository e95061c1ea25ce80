//! The simplex method of Nelder and Mead (Computer Journal 7, 1965) with the usual coefficients.

/// Steps after which it gives up.
const STEPS_MAX: usize = 10_000;
/// Spread of the simplex's values at which it is done.
const TOLERANCE: f64 = 1e-7;

/// The point where `value` is least, and that value; the simplex begins at `start` with one step along each axis.
pub(crate) fn least<const N: usize>(
    start: [f64; N],
    steps: [f64; N],
    value: impl Fn(&[f64; N]) -> f64,
) -> ([f64; N], f64) {
    let mut simplex = vec![(start, value(&start))];
    for (axis, step) in steps.iter().enumerate() {
        let mut corner = start;
        corner[axis] += if step.abs() < 1e-3 { 0.05 } else { *step };
        simplex.push((corner, value(&corner)));
    }
    for _ in 0..STEPS_MAX {
        simplex.sort_by(|one, other| one.1.total_cmp(&other.1));
        let (best, worst) = (simplex[0], simplex[N]);
        if worst.1 - best.1 < TOLERANCE * (worst.1.abs() + best.1.abs() + 1e-10) {
            break;
        }
        let mut middle = [0.0; N];
        for (corner, _) in &simplex[..N] {
            middle
                .iter_mut()
                .zip(corner)
                .for_each(|(sum, at)| *sum += at / N as f64);
        }
        let along = |share: f64| {
            let mut at = middle;
            at.iter_mut()
                .zip(&worst.0)
                .for_each(|(at, worst)| *at += share * (*at - worst));
            (at, value(&at))
        };
        let reflected = along(1.0);
        simplex[N] = if reflected.1 < best.1 {
            let expanded = along(2.0);
            if expanded.1 < reflected.1 { expanded } else { reflected }
        } else if reflected.1 < simplex[N - 1].1 {
            reflected
        } else {
            let contracted = along(if reflected.1 < worst.1 { 0.5 } else { -0.5 });
            if contracted.1 >= worst.1.min(reflected.1) {
                shrink(&mut simplex, &value);
                continue;
            }
            contracted
        };
    }
    simplex.sort_by(|one, other| one.1.total_cmp(&other.1));
    simplex[0]
}

fn shrink<const N: usize>(simplex: &mut [([f64; N], f64)], value: &impl Fn(&[f64; N]) -> f64) {
    let best = simplex[0].0;
    for (corner, fit) in &mut simplex[1..] {
        corner
            .iter_mut()
            .zip(&best)
            .for_each(|(at, best)| *at = best + 0.5 * (*at - best));
        *fit = value(corner);
    }
}
