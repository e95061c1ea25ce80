//! The writer: takes what came of decisions, one after the other, and publishes what follows.
//!
//! One thread owns it. The same calls in the same order give the same bits. An outcome may come late: it is learned with
//! the context that its decision was taken on. Whoever is in the holdout teaches nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::arm::{Arm, ArmKey, ArmSpec, kept_since};
use super::blend::{Losses, Temper};
use super::context::Context;
use super::inputs::Shape;
use super::noise::Noise;
use super::published::{Form, Published};
use super::scale::Scale;
use super::settings::{ARMS_MAX, LearnSettings, LearnSettingsError};

/// Plays that a group's own rate must outweigh.
const GROUP_PLAYS: f32 = 8.0;

/// What became of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// It was learned from.
    Yes,
    /// It is of somebody in the holdout.
    Holdout,
    /// No such action is offered, or there was no room to learn about it.
    UnknownAction,
    /// The reward is not a number.
    NotAReward,
}

/// What was seen of a group's actions.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    plays: f32,
    rewards: f32,
    faded_s: u32,
}

impl Group {
    /// What one of its actions earns, as far as is known.
    fn rate(self, believed: f32) -> f32 {
        (self.rewards + GROUP_PLAYS * believed) / (self.plays + GROUP_PLAYS)
    }
}

/// Learns which action works.
#[derive(Clone, Debug)]
pub struct Learner {
    settings: LearnSettings,
    shape: Arc<Shape>,
    scale: Scale,
    noise: Noise,
    /// What is known, in no order that means something.
    arms: Vec<Arm>,
    /// What is offered, in the order of its generation, with the arm that knows of each.
    offered: Vec<(ArmSpec, Option<usize>)>,
    groups: BTreeMap<u64, Group>,
    losses: Losses,
    temper: Temper,
}

impl Learner {
    /// One that knows nothing.
    ///
    /// # Errors
    /// [`LearnSettingsError`] for settings out of bounds.
    pub fn new(settings: LearnSettings) -> Result<Self, LearnSettingsError> {
        settings.check()?;
        Ok(Self {
            settings,
            shape: Arc::new(Shape::new(settings.features, settings.seed)),
            scale: Scale::default(),
            noise: Noise::new(settings.seed),
            arms: Vec::with_capacity(settings.arms_max),
            offered: Vec::new(),
            groups: BTreeMap::new(),
            losses: Losses::default(),
            temper: Temper::default(),
        })
    }

    /// Takes the actions of a generation, in its order; those beyond [`ARMS_MAX`] are left out. What is known of an action
    /// is kept by its key, also while it is not offered, as long as there is room; a new one starts at its group's rate.
    pub fn offer(&mut self, now_s: u32, specs: &[ArmSpec]) {
        let specs = specs.get(..ARMS_MAX).unwrap_or(specs);
        let mut known: BTreeMap<ArmKey, usize> = self.arms.iter().enumerate().map(|(at, arm)| (arm.key, at)).collect();
        let wanted: BTreeMap<ArmKey, ()> = specs.iter().map(|spec| (spec.key, ())).collect();
        // The actions that nobody offers any more, those that learned last at the front.
        let mut spare: Vec<usize> = (0..self.arms.len())
            .filter(|at| self.arms.get(*at).is_some_and(|arm| !wanted.contains_key(&arm.key)))
            .collect();
        spare.sort_by_key(|at| std::cmp::Reverse(self.arms.get(*at).map(|arm| arm.learned_s)));
        self.groups
            .retain(|group, _| specs.iter().any(|spec| spec.group == *group));
        for spec in specs {
            self.groups.entry(spec.group).or_insert(Group {
                faded_s: now_s,
                ..Group::default()
            });
            if !known.contains_key(&spec.key)
                && let Some(at) = self.start(now_s, spec, &mut spare)
            {
                known.insert(spec.key, at);
            }
        }
        self.offered = specs
            .iter()
            .map(|spec| (*spec, known.get(&spec.key).copied()))
            .collect();
    }

    /// Begins to learn about an action; `None` when there is no room.
    fn start(&mut self, now_s: u32, spec: &ArmSpec, spare: &mut Vec<usize>) -> Option<usize> {
        let rate = self.group_rate(spec);
        let make = |noise: &mut Noise| {
            let (features, plain_len) = (self.settings.features, self.shape.plain_len());
            Arm::new(spec.key, features, plain_len, rate, now_s, noise)
        };
        if self.arms.len() < self.settings.arms_max {
            let arm = make(&mut self.noise);
            self.arms.push(arm);
            return Some(self.arms.len() - 1);
        }
        let at = spare.pop()?;
        let arm = make(&mut self.noise);
        *self.arms.get_mut(at)? = arm;
        Some(at)
    }

    fn group_rate(&self, spec: &ArmSpec) -> f32 {
        let group = self.groups.get(&spec.group).copied().unwrap_or_default();
        group.rate(spec.rate.clamp(0.0, 1.0))
    }

    /// Learns that an action, taken in this context, earned a reward between 0 and 1. `in_holdout`: whoever it was is
    /// in the holdout, and nothing is learned.
    pub fn learn(&mut self, now_s: u32, context: &Context, action: ArmKey, reward: f32, in_holdout: bool) -> Learned {
        if in_holdout {
            return Learned::Holdout;
        }
        if reward.is_nan() {
            return Learned::NotAReward;
        }
        let reward = reward.clamp(0.0, 1.0);
        let found = self.offered.iter().find(|(spec, _)| spec.key == action);
        let Some((group, at)) = found.and_then(|(spec, at)| Some((spec.group, (*at)?))) else {
            return Learned::UnknownAction;
        };
        let Some(arm) = self.arms.get_mut(at) else {
            return Learned::UnknownAction;
        };
        self.scale.learn(context);
        let inputs = self.shape.inputs(&self.scale, context);
        let half_life_s = self.settings.half_life_s;
        arm.fade(now_s, half_life_s, &mut self.noise);
        let expected = arm.expect(&inputs, self.temper);
        arm.losses.learn(expected, reward);
        self.losses.learn(expected, reward);
        self.temper.learn(arm.bayes.log_odds(&inputs), reward);
        arm.learn(&inputs, reward, now_s, &mut self.noise);
        if let Some(group) = self.groups.get_mut(&group) {
            if let Some(kept) = kept_since(&mut group.faded_s, now_s, half_life_s) {
                group.plays *= kept;
                group.rewards *= kept;
            }
            group.plays += 1.0;
            group.rewards += reward;
        }
        Learned::Yes
    }

    /// What readers may use from here on.
    pub fn publish(&mut self, now_s: u32) -> Published {
        let mut forms = Vec::with_capacity(self.offered.len());
        for (spec, at) in &self.offered {
            let form = at.and_then(|at| self.arms.get_mut(at)).map(|arm| {
                arm.fade(now_s, self.settings.half_life_s, &mut self.noise);
                Form::new(arm, self.losses, self.temper)
            });
            forms.push(form.ok_or_else(|| self.group_rate(spec)));
        }
        Published::new(self.settings.floor, Arc::clone(&self.shape), self.scale.clone(), forms)
    }
}

#[cfg(test)]
impl Learner {
    /// What is expected of each offered action, from the models themselves.
    pub(super) fn expected(&self, context: &Context) -> Vec<f32> {
        let inputs = self.shape.inputs(&self.scale, context);
        let of = |arm: &Arm| {
            let each = arm.expect(&inputs, self.temper).into_iter();
            let weighed = each.zip(arm.losses.weights(self.losses));
            weighed
                .map(|(expected, weight)| expected * weight)
                .sum::<f32>()
                .clamp(0.0, 1.0)
        };
        self.arms.iter().map(of).collect()
    }
}
