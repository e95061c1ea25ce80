//! Whether the arms have the people that they should have.
//!
//! A split that is not what was planned says that something loses people of one arm, and then no comparison is worth
//! anything. The test is sequential: it may be asked after every person, and calls a right split wrong with probability
//! alpha in all (Lindon and Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022): the ratio of how
//! likely the counts are under shares near the planned ones, drawn from a Dirichlet distribution, and under the planned
//! ones is a martingale (Ville, 1939).

/// How near to the planned shares the alternatives are, in people; the authors' own.
const CONCENTRATION: f64 = 10_000.0;

/// The probability that a right split ever looks as wrong as this one; below 0.001 or so, look for the fault before you
/// look at the result. Weights are taken relative to their sum. `None` when counts and weights are not as many, or a
/// weight is not above 0.
#[must_use]
pub fn mismatch(counts: &[u64], weights: &[f64]) -> Option<f64> {
    let sum: f64 = weights.iter().sum();
    if counts.len() != weights.len()
        || !sum.is_finite()
        || weights.iter().any(|weight| weight.is_nan() || *weight <= 0.0)
    {
        return None;
    }
    let people: f64 = counts.iter().map(|count| *count as f64).sum();
    let mut log_ratio = ln_gamma(CONCENTRATION) - ln_gamma(CONCENTRATION + people);
    for (count, weight) in counts.iter().zip(weights) {
        let (count, share) = (*count as f64, weight / sum);
        let prior = CONCENTRATION * share;
        log_ratio += ln_gamma(prior + count) - ln_gamma(prior) - count * share.ln();
    }
    Some((-log_ratio).exp().min(1.0))
}

/// The logarithm of the gamma function above 0: Stirling's series (Abramowitz and Stegun 6.1.41), after the argument was
/// moved to where three terms give 12 digits.
fn ln_gamma(mut x: f64) -> f64 {
    let mut product = 1.0;
    while x < 10.0 {
        product *= x;
        x += 1.0;
    }
    let inverse = x.recip();
    let square = inverse * inverse;
    let series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1_260.0 - square / 1_680.0)));
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gamma_function_at_known_points() {
        for (x, expected) in [
            (1.0, 0.0),
            (0.5, 0.572_364_942_924_700_1),
            (11.0, 15.104_412_573_075_516),
        ] {
            assert!((ln_gamma(x) - expected).abs() < 1e-10, "{} at {x}", ln_gamma(x));
        }
    }
}
