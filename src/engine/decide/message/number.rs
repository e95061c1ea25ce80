//! Numbers in messages: fixed decimals, written without allocating.
//!
//! A price of 4.50 is 450 units with two fraction digits, so that nothing is lost to binary fractions. How it is shown
//! and which plural category it takes follow from the same [`Shown`] digits, as CLDR requires ("1" is `one` in English,
//! "1.0" is `other`).
//!
//! Deliberately absent: grouping, currencies, percent, and local digits.

/// Most fraction digits that an argument or a `NUMBER(..)` option may ask for.
pub const FRACTION_DIGITS_MAX: u8 = 6;

/// Longest text of a number: a sign, 20 digits, a point and the fraction.
const NUMBER_LEN_MAX: usize = 1 + 20 + 1 + FRACTION_DIGITS_MAX as usize;

/// A fixed decimal: `units / 10^fraction_digits`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Decimal {
    units: i64,
    fraction_digits: u8,
}

impl Decimal {
    /// `units / 10^fraction_digits`, shown with that many fraction digits; `None` above [`FRACTION_DIGITS_MAX`].
    ///
    /// ```
    /// use nextbest::engine::decide::message::Decimal;
    /// assert!(Decimal::new(450, 2).is_some(), "4.50");
    /// assert!(Decimal::new(450, 7).is_none());
    /// ```
    #[must_use]
    pub const fn new(units: i64, fraction_digits: u8) -> Option<Self> {
        if fraction_digits > FRACTION_DIGITS_MAX {
            None
        } else {
            Some(Self { units, fraction_digits })
        }
    }

    /// Reads what Fluent calls a number literal: `-?[0-9]+(\.[0-9]+)?`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let fraction_digits = u8::try_from(fraction.len()).ok()?;
        let mut units = whole.parse::<i64>().ok()?;
        for digit in fraction.chars() {
            let digit = i64::from(digit.to_digit(10)?);
            let signed = if whole.starts_with('-') { -digit } else { digit };
            units = units.checked_mul(10)?.checked_add(signed)?;
        }
        Self::new(units, fraction_digits)
    }

    /// Digits as `format` shows them.
    #[must_use]
    pub(super) fn shown(self, format: Format) -> Shown {
        let mut magnitude = self.units.unsigned_abs();
        let mut digits = self.fraction_digits;
        if let Some(maximum) = format.maximum_fraction_digits
            && maximum < digits
        {
            let scale = power_of_ten(digits - maximum);
            magnitude = (magnitude + scale / 2) / scale;
            digits = maximum;
        }
        let minimum = format
            .minimum_fraction_digits
            .unwrap_or(digits)
            .min(FRACTION_DIGITS_MAX);
        while digits > 0 && magnitude.is_multiple_of(10) {
            magnitude /= 10;
            digits -= 1;
        }
        let scale = power_of_ten(digits);
        Shown {
            negative: self.units < 0 && magnitude > 0,
            whole: magnitude / scale,
            fraction: magnitude % scale,
            fraction_digits: digits,
            padded_digits: minimum.max(digits),
        }
    }

    /// The text, for what is known at load.
    #[must_use]
    pub fn to_text(self, format: Format) -> String {
        self.shown(format).text().as_str().to_owned()
    }

    /// Whether both are the same number, however many digits they are shown with.
    #[must_use]
    pub fn same_value(self, other: Self) -> bool {
        self.canonical() == other.canonical()
    }

    fn canonical(self) -> (i64, u8) {
        let (mut units, mut digits) = (self.units, self.fraction_digits);
        while digits > 0 && units % 10 == 0 {
            units /= 10;
            digits -= 1;
        }
        (units, digits)
    }
}

impl From<u32> for Decimal {
    fn from(whole: u32) -> Self {
        Self {
            units: i64::from(whole),
            fraction_digits: 0,
        }
    }
}

/// The options of Fluent's `NUMBER(..)` that change which digits are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// Zeros are added up to here. `None`: as many as the value itself has.
    pub minimum_fraction_digits: Option<u8>,
    /// Rounded to here, half away from zero (ECMA-402's default, `halfExpand`). `None`: never rounded.
    pub maximum_fraction_digits: Option<u8>,
}

/// A number split into the digits a reader sees. Zeros at the end of `fraction` are kept apart, as CLDR's operands do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    pub(super) negative: bool,
    pub(super) whole: u64,
    /// Without zeros at the end.
    pub(super) fraction: u64,
    /// Digits of `fraction`, zeros in front included.
    pub(super) fraction_digits: u8,
    /// Digits after the point once zeros are added.
    pub(super) padded_digits: u8,
}

impl Shown {
    /// Visible fraction digits with the zeros at the end, as a number (CLDR operand `f`).
    pub(super) fn fraction_padded(&self) -> u64 {
        self.fraction * power_of_ten(self.padded_digits.saturating_sub(self.fraction_digits))
    }

    /// The text, in a small buffer of its own.
    pub(super) fn text(&self) -> NumberText {
        let mut text = NumberText {
            bytes: [0; NUMBER_LEN_MAX],
            start: NUMBER_LEN_MAX,
        };
        if self.padded_digits > 0 {
            text.push_front_digits(self.fraction_padded(), self.padded_digits);
            text.push_front(b'.');
        }
        text.push_front_digits(self.whole, 1);
        if self.negative {
            text.push_front(b'-');
        }
        text
    }
}

/// The characters of a number, filled from the back.
#[derive(Debug)]
pub(super) struct NumberText {
    bytes: [u8; NUMBER_LEN_MAX],
    start: usize,
}

impl NumberText {
    pub(super) fn as_str(&self) -> &str {
        self.bytes
            .get(self.start..)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }

    fn push_front(&mut self, byte: u8) {
        debug_assert!(self.start > 0, "NUMBER_LEN_MAX holds every number");
        self.start = self.start.saturating_sub(1);
        if let Some(slot) = self.bytes.get_mut(self.start) {
            *slot = byte;
        }
    }

    fn push_front_digits(&mut self, mut number: u64, digits_min: u8) {
        let mut written = 0;
        while number > 0 || written < digits_min {
            // The remainder is one digit.
            self.push_front(b'0' + (number % 10) as u8);
            number /= 10;
            written += 1;
        }
    }
}

/// `10^digits`; digits are at most [`FRACTION_DIGITS_MAX`], which a `u64` holds.
const fn power_of_ten(digits: u8) -> u64 {
    10_u64.pow(digits as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(units: i64, digits: u8, minimum: Option<u8>, maximum: Option<u8>, expected: &str) {
        let format = Format {
            minimum_fraction_digits: minimum,
            maximum_fraction_digits: maximum,
        };
        assert_eq!(
            Decimal::new(units, digits).unwrap().shown(format).text().as_str(),
            expected
        );
    }

    #[test]
    fn writes_what_a_reader_expects() {
        check(0, 0, None, None, "0");
        check(450, 2, None, None, "4.50");
        check(450, 2, Some(1), None, "4.5");
        check(450, 2, Some(0), None, "4.5");
        check(5, 0, Some(2), None, "5.00");
        check(1_005, 3, None, Some(2), "1.01");
        check(-1_005, 3, None, Some(0), "-1");
        check(-4, 1, None, Some(0), "0");
        check(4, 3, None, None, "0.004");
        check(999, 1, None, Some(0), "100");
        check(i64::MIN, 6, None, None, "-9223372036854.775808");
    }

    #[test]
    fn reads_number_literals() {
        for (text, units, digits) in [("0", 0, 0), ("-1.50", -150, 2), ("-0.5", -5, 1), ("007", 7, 0)] {
            let read = Decimal::parse(text).unwrap();
            assert_eq!((read.units, read.fraction_digits), (units, digits), "{text}");
        }
        assert!(Decimal::parse("1.1234567").is_none());
        assert!(Decimal::parse("9223372036854775808").is_none());
    }

    #[test]
    fn equal_values_ignore_zeros_at_the_end() {
        assert!(Decimal::new(10, 1).unwrap().same_value(Decimal::from(1)));
        assert!(!Decimal::new(11, 1).unwrap().same_value(Decimal::from(1)));
    }
}
