//! Consents: what a person allows, since when and until when. Asked at every use; what is not known is not allowed.
//!
//! Of a purpose that somebody never spoke about the pack in force says ([`super::spec::Settings::consent_default`]).
//! Their own word has two dates, and lasts at most as long as the pack says: longer ones are cut, also those that an
//! earlier pack let be longer. A withdrawal is always taken. A consent that is dated before the person's last word is
//! not: what an old form or a backup says brings nothing back.
//!
//! Dates are those of the wall clock, in seconds, as the shell tells them ([`Engine::set_date`]); without a shell a date
//! is the second on the engine's clock. The record says which purposes are allowed and before when none of them ends, so
//! that a decide looks at dates only after that (`ledger`). Dates are written before the record that speaks of them, and
//! each in one word: whoever reads in between sees what was allowed or what is, and never both.

use std::sync::atomic::Ordering;

use super::customer::CustomerSlot;
use super::record::Record;
use super::signals::SignalError;
use super::{Engine, Generation};
use crate::model::{Consent, Purpose, Timestamp};
use crate::planted::{Bug, planted};

/// Seconds that the clock of whoever takes down a consent may be ahead.
pub const CLOCK_AHEAD_S_MAX: u32 = 60;

/// When somebody spoke about a purpose, and until when it is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dates {
    /// In seconds since 1970-01-01 UTC.
    pub given_unix_s: u32,
    /// In seconds since 1970-01-01 UTC; 0 of a withdrawal.
    pub until_unix_s: u32,
}

/// The dates of each purpose that somebody spoke about, in the order of [`Purpose::ALL`].
pub type AllDates = [Option<Dates>; Purpose::ALL.len()];

/// How somebody stands to a purpose at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsentStatus {
    /// They never spoke about it, and the pack says that it is allowed.
    NeverAskedAllowed,
    /// They never spoke about it, and it is not allowed.
    NeverAsked,
    /// They allow it.
    Given(Dates),
    /// They have withdrawn it.
    Withdrawn(Dates),
    /// They have allowed it, and that has ended.
    Expired(Dates),
}

impl ConsentStatus {
    /// Whether the purpose is allowed.
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::NeverAskedAllowed | Self::Given(_))
    }
}

impl Dates {
    /// What is kept of a consent that is taken on a date.
    fn of(consent: &Consent, date_s: u32, lasts_s_max: u32) -> Self {
        let given_unix_s = match consent.given_unix_s {
            0 => date_s,
            given => given.min(date_s),
        };
        let until_unix_s = match (consent.allowed, consent.until_unix_s) {
            (false, _) => 0,
            (true, 0) => u32::MAX,
            (true, until) => until,
        };
        Self {
            given_unix_s,
            until_unix_s,
        }
        .within(lasts_s_max)
    }

    /// The same, not longer than the pack lets a consent last.
    fn within(self, lasts_s_max: u32) -> Self {
        Self {
            until_unix_s: self.until_unix_s.min(self.given_unix_s.saturating_add(lasts_s_max)),
            ..self
        }
    }
}

impl Engine {
    /// Tells what the wall clock shows at a moment, in seconds since 1970-01-01 UTC. It is for the shell to see that
    /// consents which have ended do not come back because somebody set the clock back.
    pub fn set_date(&self, now: Timestamp, unix_s: u64) {
        let at_start = unix_s.saturating_sub(u64::from(now.as_secs()));
        self.date_at_start_s.store(at_start, Ordering::Relaxed);
    }

    /// The date at a moment, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn date_s(&self, now: Timestamp) -> u32 {
        let at_start = self.date_at_start_s.load(Ordering::Relaxed);
        u32::try_from(at_start.saturating_add(u64::from(now.as_secs()))).unwrap_or(u32::MAX)
    }

    /// How a customer stands to a purpose; `None`: nobody has the slot, or their record is being written.
    #[must_use]
    pub fn consent(&self, now: Timestamp, customer: CustomerSlot, purpose: Purpose) -> Option<ConsentStatus> {
        let record = self.record(customer)?;
        let generation = self.generation.load();
        Some(self.status(self.date_s(now), &generation, (customer, &record), purpose))
    }

    /// Whether a customer allows a purpose at a moment. Nobody allows anything whose record cannot be read.
    #[must_use]
    pub fn allows(&self, now: Timestamp, customer: CustomerSlot, purpose: Purpose) -> bool {
        let record = self.record(customer);
        let generation = self.generation.load();
        record.is_some_and(|record| {
            self.allowed_on(self.date_s(now), &generation, (customer, &record)) & purpose.bit() != 0
        })
    }

    /// The purposes that somebody allows on a date, as bits.
    pub(super) fn allowed_on(
        &self,
        date_s: u32,
        generation: &Generation,
        (customer, record): (CustomerSlot, &Record),
    ) -> u8 {
        let asked = record.asked();
        let given = record.consents() & asked;
        let never_asked = generation.settings().consent_default & !asked;
        if date_s < record.consents_end_s() || given == 0 || planted(Bug::ConsentNeverEnds) {
            return given | never_asked;
        }
        let has_ended = |purpose: &Purpose| self.ledger.dates(customer, *purpose).until_unix_s <= date_s;
        let ended = Purpose::ALL
            .into_iter()
            .filter(|purpose| given & purpose.bit() != 0)
            .filter(has_ended);
        ended.fold(given, |given, purpose| given & !purpose.bit()) | never_asked
    }

    pub(super) fn status(
        &self,
        date_s: u32,
        generation: &Generation,
        (customer, record): (CustomerSlot, &Record),
        purpose: Purpose,
    ) -> ConsentStatus {
        let bit = purpose.bit();
        let is_allowed = self.allowed_on(date_s, generation, (customer, record)) & bit != 0;
        if record.asked() & bit == 0 {
            return if is_allowed {
                ConsentStatus::NeverAskedAllowed
            } else {
                ConsentStatus::NeverAsked
            };
        }
        let dates = self.ledger.dates(customer, purpose);
        match (record.consents() & bit != 0, is_allowed) {
            (_, true) => ConsentStatus::Given(dates),
            (true, false) => ConsentStatus::Expired(dates),
            (false, false) => ConsentStatus::Withdrawn(dates),
        }
    }

    /// Refuses consents whose dates make no sense, before anything is changed.
    pub(super) fn check_consents(
        &self,
        date_s: u32,
        customer: CustomerSlot,
        consents: &[Consent],
    ) -> Result<(), SignalError> {
        if consents.is_empty() {
            return Ok(());
        }
        let record = self.record(customer).ok_or(SignalError::NoCustomer)?;
        let lasts_s_max = self.generation.load().settings().consent_s_max();
        let mut said = self.dates(customer, &record);
        for consent in consents {
            let dates = Dates::of(consent, date_s, lasts_s_max);
            if consent.given_unix_s > date_s.saturating_add(CLOCK_AHEAD_S_MAX) {
                return Err(SignalError::ConsentAhead);
            }
            if consent.allowed && consent.until_unix_s != 0 && consent.until_unix_s <= dates.given_unix_s {
                return Err(SignalError::ConsentEndsFirst);
            }
            let last = said.get_mut(consent.purpose as usize);
            let Some(last) = last else { continue };
            let is_older = last.is_some_and(|last| dates.given_unix_s < last.given_unix_s);
            if consent.allowed && consent.given_unix_s != 0 && is_older {
                return Err(SignalError::ConsentOutdated);
            }
            *last = Some(dates);
        }
        Ok(())
    }

    /// Takes what a person says, with their record held for writing.
    pub(super) fn take_consents(
        &self,
        date_s: u32,
        generation: &Generation,
        (customer, record): (CustomerSlot, &mut Record),
        consents: &[Consent],
    ) {
        for consent in consents {
            let dates = Dates::of(consent, date_s, generation.settings().consent_s_max());
            self.ledger.set_dates(customer, consent.purpose, dates);
            record.set_consent(consent.purpose, consent.allowed);
        }
        if !consents.is_empty() {
            self.set_first_end((customer, record));
        }
    }

    /// The dates of what a person has spoken about.
    pub(super) fn dates(&self, customer: CustomerSlot, record: &Record) -> AllDates {
        Purpose::ALL.map(|purpose| (record.asked() & purpose.bit() != 0).then(|| self.ledger.dates(customer, purpose)))
    }

    /// Puts back what a person has spoken about, as far as the pack lets it last; with their record in hand.
    pub(super) fn restore_dates(
        &self,
        generation: &Generation,
        (customer, record): (CustomerSlot, &mut Record),
        dates: &AllDates,
    ) {
        for (purpose, dates) in Purpose::ALL.into_iter().zip(dates) {
            let dates = dates.unwrap_or_default().within(generation.settings().consent_s_max());
            self.ledger.set_dates(customer, purpose, dates);
        }
        self.set_first_end((customer, record));
    }

    /// A pack that lets consents last less long is in force: cuts those that would last longer.
    pub(super) fn shorten_consents(&self, generation: &Generation) {
        for customer in (0..self.slots_len()).map(CustomerSlot) {
            self.write(customer, |record| {
                let dates = self.dates(customer, record);
                self.restore_dates(generation, (customer, record), &dates);
            });
        }
    }

    /// Writes into a record when the first of the person's consents ends.
    fn set_first_end(&self, (customer, record): (CustomerSlot, &mut Record)) {
        let given = record.consents() & record.asked();
        let given = Purpose::ALL.into_iter().filter(|purpose| given & purpose.bit() != 0);
        let ends = given.map(|purpose| self.ledger.dates(customer, purpose).until_unix_s);
        record.set_consents_end_s(ends.min().unwrap_or(0));
    }
}
