//! Cities: houses side by side, with windows that light up at night.

use super::dice::{Dice, lattice, noise, scramble};
use super::ink::Ink;
use super::outline::Outline;
use super::row::Row;
use super::stage::{Brush, Lens, Stage};

/// One house, in pixels of the resting picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct House {
    left: f32,
    width: f32,
    height: f32,
    roof: Roof,
}

#[derive(Debug, Clone, Copy)]
enum Roof {
    Flat,
    Stepped,
    Gabled,
    Spire,
    Slanted,
}

/// The windows of a row of houses.
#[derive(Debug, Clone)]
pub(crate) struct Windows {
    pub(crate) houses: Vec<House>,
    /// From one window to the next, in pixels.
    pub(crate) pitch: f32,
    /// The share of windows that are lit, and how bright they are.
    pub(crate) lit: (f32, f32),
    /// The colours of lit windows.
    pub(crate) paints: [Ink; 2],
    pub(crate) seed: u64,
}

/// The windows at one moment.
pub(crate) struct WindowsPose<'a> {
    windows: &'a Windows,
    lens: Lens,
    base: f32,
    columns: Vec<Column>,
}

#[derive(Clone, Copy)]
struct Column {
    roof: f32,
    lights: [u64; 2],
    share: f32,
}

/// Houses side by side over more than the frame's width, up to `height` high and about `width` wide.
pub(crate) fn houses(stage: &Stage, height: f32, width: f32, dice: &mut Dice) -> Vec<House> {
    let mut houses = Vec::new();
    let mut left = -2.0 * stage.width;
    let seed = dice.roll();
    while left < 2.0 * stage.width && houses.len() < 8192 {
        let centre = noise(seed, left / (stage.unit * 0.5));
        let rise = 0.28 + 0.45 * centre + 0.27 * dice.unit() * dice.unit();
        let roof =
            dice.pick(&[Roof::Flat, Roof::Flat, Roof::Flat, Roof::Stepped, Roof::Gabled, Roof::Spire, Roof::Slanted]);
        let house = House { left, width: (width * dice.between(0.6, 1.5)).max(2.0), height: height * rise, roof };
        houses.push(house);
        left += house.width * if dice.chance(0.2) { 1.12 } else { 1.0 };
    }
    houses
}

/// The edge of the houses, with a low wall wherever there is a gap.
pub(crate) fn skyline(stage: &Stage, houses: &[House]) -> Outline {
    let lowest = houses.iter().map(|house| house.height).fold(f32::MAX, f32::min);
    Outline::new(stage.width, |x| find(houses, x).map_or(lowest * 0.6, |house| house.top(x)))
}

fn find(houses: &[House], x: f32) -> Option<&House> {
    let after = houses.partition_point(|house| house.left <= x);
    houses[..after].last().filter(|house| x < house.left + house.width)
}

impl House {
    fn top(&self, x: f32) -> f32 {
        let across = (x - self.left) / self.width;
        let aside = (across - 0.5).abs() * 2.0;
        let rise = match self.roof {
            Roof::Flat => 0.0,
            Roof::Stepped => f32::from(aside < 0.62) * 0.30 + f32::from(aside < 0.3) * 0.25,
            Roof::Gabled => 0.45 * (1.0 - aside),
            Roof::Spire => f32::from(aside < 0.45) * 0.22 + f32::from(aside < 0.05) * 0.85,
            Roof::Slanted => 0.55 * across,
        };
        self.height + rise * self.width
    }
}

impl Windows {
    pub(crate) fn pose(&self, lens: &Lens, base: f32, width: usize) -> WindowsPose<'_> {
        let columns = (0..width).map(|x| self.column(lens, base, x as f32 + 0.5)).collect();
        WindowsPose { windows: self, lens: *lens, base, columns }
    }

    fn column(&self, lens: &Lens, base: f32, x: f32) -> Column {
        let dark = Column { roof: f32::MAX, lights: [0; 2], share: 0.0 };
        let place = lens.rest_x(x);
        let Some(house) = find(&self.houses, place) else { return dark };
        let count = (house.width / self.pitch).floor();
        let across = (place - house.left) / self.pitch - (house.width / self.pitch - count) * 0.5;
        if across < 0.0 || across >= count {
            return dark;
        }
        let number = scramble(self.seed ^ u64::from(house.left.to_bits()) ^ ((across as u64) << 40));
        let sharp = (self.pitch * lens.scale).max(1.0);
        let share = ((0.27 - (across.fract() - 0.5).abs()) * sharp + 0.5).clamp(0.0, 1.0);
        let lights = [self.lights(number), self.lights(!number)];
        Column { roof: lens.seen_y(base - house.height), lights, share }
    }

    /// Which of a column's 64 windows are lit, one bit each.
    fn lights(&self, number: u64) -> u64 {
        let roll = |times: u64| scramble(number.wrapping_add(times));
        match (self.lit.0 * lattice(number, 3) * 2.0 * 4.0) as u32 {
            0 => roll(1) & roll(2) & roll(3),
            1 => roll(1) & roll(2),
            2 => roll(1) & (roll(2) | roll(3)),
            _ => roll(1),
        }
    }
}

impl WindowsPose<'_> {
    /// Paints the windows where `brush.cover` says that the houses are.
    pub(crate) fn paint(&self, y: f32, row: &mut Row, brush: &mut Brush) {
        let pitch = self.windows.pitch * self.lens.scale * 1.25;
        if pitch < 2.0 || y > self.lens.seen_y(self.base) {
            return;
        }
        for (x, column) in self.columns.iter().enumerate() {
            let down = (y + 0.5 - column.roof) / pitch - 0.35;
            if !(0.0..64.0).contains(&down) || column.share == 0.0 {
                continue;
            }
            let bit = 1u64 << (down as u32);
            if (column.lights[0] | column.lights[1]) & bit == 0 {
                continue;
            }
            let tall = ((0.30 - (down.fract() - 0.5).abs()) * pitch + 0.5).clamp(0.0, 1.0);
            let paint = self.windows.paints[usize::from(column.lights[0] & bit == 0)];
            row.touch(x, paint, tall * column.share * brush.cover[x] * self.windows.lit.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn houses_stand_side_by_side_without_overlap() {
        let stage = Stage::new(320, 180);
        let row = houses(&stage, 60.0, 18.0, &mut Dice::new("", 4));
        assert!(row.windows(2).all(|pair| pair[0].left + pair[0].width <= pair[1].left + 0.01));
        assert!(find(&row, row[5].left + 0.1).is_some_and(|house| house.left == row[5].left));
    }

    #[test]
    fn more_windows_are_lit_where_more_are_asked_for() {
        let count = |share| {
            let windows = Windows { houses: Vec::new(), pitch: 4.0, lit: (share, 1.0), paints: [[0.0; 3]; 2], seed: 1 };
            (0..200).map(|number| windows.lights(scramble(number)).count_ones()).sum::<u32>()
        };
        assert!(count(0.8) > count(0.1));
    }
}
