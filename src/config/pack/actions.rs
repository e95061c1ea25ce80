//! `actions.toml` and `actions/*.toml`: issue > group > action > treatment, as they are written.
//!
//! What is checked across them is in `action`; here are the keys and what they mean.

use crate::config::table::{At, Decimal, Id, List, Name, Text, Whole, choice, table};
use crate::model::Purpose;

table! {
    /// What can be done for people: issues hold groups, groups hold actions, actions hold treatments.
    ActionsFile {
        /// Business issues, such as `sell` or `service`.
        issue: List<IssueTable>,
        /// Groups of actions within an issue.
        group: List<GroupTable>,
        /// The actions.
        action: List<ActionTable>,
    }
}

table! {
    /// A business issue. Its policies hold for every action in it.
    IssueTable {
        /// Its id.
        id: At<Id>,
        /// What its actions use data for, unless they say otherwise; asked of the person's consents.
        purpose: PurposeName,
        /// May this person have any of it?
        eligibility: Option<At<Text>>,
        /// Does any of it make sense at the moment?
        applicability: Option<At<Text>>,
        /// Is any of it right for this person? May read walk and wait.
        suitability: Option<At<Text>>,
    }
}

table! {
    /// A group of actions. Its policies hold for every action in it.
    GroupTable {
        /// Its id.
        id: At<Id>,
        /// The issue that it belongs to.
        issue: At<Id>,
        /// May this person have any of it?
        eligibility: Option<At<Text>>,
        /// Does any of it make sense at the moment?
        applicability: Option<At<Text>>,
        /// Is any of it right for this person? May read walk and wait.
        suitability: Option<At<Text>>,
    }
}

table! {
    /// One thing that can be done for a person.
    ActionTable {
        /// Its id.
        id: At<Id>,
        /// The group that it belongs to.
        group: At<Id>,
        /// What it uses data for; the issue's unless given.
        purpose: Option<PurposeName>,
        /// The transitions of the journey that it helps with; it is for people in the stages that they leave.
        helps: List<HelpsTable>,
        /// What people may have asked for when it answers. It answers those who asked for nothing, too.
        wants: List<At<Name>>,
        /// True: it is not offered to people who asked for nothing in particular.
        only_when_wanted: Option<At<bool>>,
        /// The places that it can send to; without it, it is not bound to a place.
        places: Option<At<PlacesTable>>,
        /// May this person have it?
        eligibility: Option<At<Text>>,
        /// Does it make sense at the moment?
        applicability: Option<At<Text>>,
        /// Is it right for this person? May read walk and wait.
        suitability: Option<At<Text>>,
        /// How often one person may get it; without it: without limit.
        cap: Option<CapTable>,
        /// Probability that it is accepted, before anything was learnt.
        propensity: Decimal<0, 1_000>,
        /// Worth of an acceptance to the venue.
        value: Decimal<0, 1_000_000_000>,
        /// Business levers in per cent, which are added up: 20 and 5 raise the priority by a quarter.
        levers: List<Decimal<-100_000, 1_000_000>>,
        /// Weights of the context; each that holds is multiplied in.
        context: List<ContextTable>,
        /// How it is shown, in which channel.
        treatment: List<TreatmentTable>,
        /// Seconds after which an answer is no longer shown; 600 unless given.
        expires_s: Option<Whole<1, 604_800>>,
    }
}

table! {
    /// A transition of the journey.
    HelpsTable {
        /// The stage it leaves.
        from: At<Id>,
        /// The stage it enters.
        to: At<Id>,
    }
}

table! {
    /// Places of the map: those of a category, of any of some kinds, or both; and single ones.
    PlacesTable {
        /// A category of places, such as `food`.
        category: Option<At<Name>>,
        /// Kinds of places, such as `pizza`; one of them is enough.
        kinds: List<At<Name>>,
        /// Single places.
        ids: List<At<Name>>,
    }
}

table! {
    /// At most `times` within `window_s`, for one person.
    CapTable {
        /// How often.
        times: Whole<1, 16>,
        /// Within how many seconds.
        window_s: Whole<1, 2_592_000>,
    }
}

table! {
    /// A weight that counts while a condition holds.
    ContextTable {
        /// When it counts.
        when: At<Text>,
        /// 1 is neutral.
        weight: Decimal<0, 100_000>,
    }
}

table! {
    /// How an action is shown.
    TreatmentTable {
        /// Its id.
        id: At<Id>,
        /// The channel.
        channel: At<Id>,
        /// The placement in it; without it: any.
        placement: Option<At<Id>>,
        /// The message.
        message: At<Id>,
        /// The message when place, walk or wait are not known; without it the treatment is not shown then.
        message_without_place: Option<At<Id>>,
    }
}

choice! {
    /// What data about a person is used for.
    PurposeName {
        /// Answering what was asked.
        Service = "service",
        /// Fitting answers to the person.
        Personalization = "personalization",
        /// Selling.
        Marketing = "marketing",
        /// Learning from behaviour.
        Research = "research",
        /// Being located by a carried tag.
        Location = "location",
    }
}

impl PurposeName {
    /// The purpose as the engine knows it.
    pub(super) const fn purpose(self) -> Purpose {
        match self {
            Self::Service => Purpose::Service,
            Self::Personalization => Purpose::Personalization,
            Self::Marketing => Purpose::Marketing,
            Self::Research => Purpose::Research,
            Self::Location => Purpose::Location,
        }
    }
}

impl ActionsFile {
    /// Adds the content of another file.
    pub(super) fn add(&mut self, other: Self) {
        self.issue.is_complete &= other.issue.is_complete;
        self.issue.extend(other.issue);
        self.group.is_complete &= other.group.is_complete;
        self.group.extend(other.group);
        self.action.is_complete &= other.action.is_complete;
        self.action.extend(other.action);
    }
}
