//! `NUMBER($price, minimumFractionDigits: 2)` and number literals.

use fluent_syntax::ast::{CallArguments, Identifier, InlineExpression, NamedArgument};

use super::compile::{Choice, Failed, MessageCompiler};
use crate::engine::decide::message::{Decimal, FRACTION_DIGITS_MAX, Format, PluralKind};

/// How `NUMBER(..)` wants a number shown and counted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NumberOptions {
    pub(super) format: Format,
    pub(super) kind: PluralKind,
}

const OPTIONS: &str =
    "`minimumFractionDigits`, `maximumFractionDigits` (0 to 6) or `type` (\"cardinal\" or \"ordinal\")";

impl<'a> MessageCompiler<'a, '_> {
    /// What a call stands for; only `NUMBER` is a function.
    pub(super) fn call(
        &mut self,
        id: &Identifier<&'a str>,
        arguments: &'a CallArguments<&'a str>,
    ) -> Result<(Choice<'a>, NumberOptions), Failed> {
        if id.name != "NUMBER" {
            let what = format!("`{}` is not a function that messages have", id.name);
            return Err(self.refuse(id.name, what, "`NUMBER($price)`, or the argument itself"));
        }
        let [positional] = arguments.positional.as_slice() else {
            return Err(self.refuse(id.name, "`NUMBER` takes one number", "`NUMBER($price)`"));
        };
        let (choice, _) = self.choice(positional, id.name)?;
        if !choice.may_be_number() {
            return Err(self.refuse(
                id.name,
                "`NUMBER` takes a number, and this is text",
                "a number, such as `$price`",
            ));
        }
        let mut options = NumberOptions::default();
        for option in &arguments.named {
            self.option(option, &mut options)?;
        }
        if let Format {
            minimum_fraction_digits: Some(minimum),
            maximum_fraction_digits: Some(maximum),
        } = options.format
            && minimum > maximum
        {
            let what = format!("at least {minimum} and at most {maximum} fraction digits contradict each other");
            return Err(self.refuse(id.name, what, "a minimum that is not above the maximum"));
        }
        Ok((choice, options))
    }

    /// A number literal.
    pub(super) fn literal(&mut self, literal: &'a str) -> Result<Decimal, Failed> {
        Decimal::parse(literal).ok_or_else(|| {
            let expected =
                format!("a number of at most 12 digits, at most {FRACTION_DIGITS_MAX} of them after the point");
            self.refuse(literal, format!("{literal} is out of range"), expected)
        })
    }

    fn option(&mut self, option: &NamedArgument<&'a str>, options: &mut NumberOptions) -> Result<(), Failed> {
        let name = option.name.name;
        match (name, &option.value) {
            ("minimumFractionDigits", InlineExpression::NumberLiteral { value }) => {
                options.format.minimum_fraction_digits = Some(self.digits(value)?);
            }
            ("maximumFractionDigits", InlineExpression::NumberLiteral { value }) => {
                options.format.maximum_fraction_digits = Some(self.digits(value)?);
            }
            ("type", InlineExpression::StringLiteral { value: "ordinal" }) => options.kind = PluralKind::Ordinal,
            ("type", InlineExpression::StringLiteral { value: "cardinal" }) => options.kind = PluralKind::Cardinal,
            _ => return Err(self.refuse(name, format!("`NUMBER` does not take this `{name}`"), OPTIONS)),
        }
        Ok(())
    }

    fn digits(&mut self, literal: &'a str) -> Result<u8, Failed> {
        let digits = literal.parse().ok().filter(|digits| *digits <= FRACTION_DIGITS_MAX);
        digits.ok_or_else(|| {
            self.refuse(
                literal,
                format!("{literal} is not a number of fraction digits"),
                OPTIONS,
            )
        })
    }
}
