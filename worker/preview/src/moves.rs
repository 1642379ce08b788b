//! The bracketed camera commands of a prompt, in English or in Chinese: `[Pan right]`, `[Push in, Tilt up]`, `[右摇]`.

/// One camera move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    TruckLeft,
    TruckRight,
    PanLeft,
    PanRight,
    PushIn,
    PullOut,
    PedestalUp,
    PedestalDown,
    TiltUp,
    TiltDown,
    ZoomIn,
    ZoomOut,
    Shake,
    Tracking,
    Static,
}

/// Every command and its move; `push out` is what people write when they mean pulling out.
const COMMANDS: [(&str, Move); 31] = [
    ("truck left", Move::TruckLeft),
    ("truck right", Move::TruckRight),
    ("pan left", Move::PanLeft),
    ("pan right", Move::PanRight),
    ("push in", Move::PushIn),
    ("pull out", Move::PullOut),
    ("push out", Move::PullOut),
    ("pedestal up", Move::PedestalUp),
    ("pedestal down", Move::PedestalDown),
    ("tilt up", Move::TiltUp),
    ("tilt down", Move::TiltDown),
    ("zoom in", Move::ZoomIn),
    ("zoom out", Move::ZoomOut),
    ("shake", Move::Shake),
    ("tracking shot", Move::Tracking),
    ("static shot", Move::Static),
    ("左移", Move::TruckLeft),
    ("右移", Move::TruckRight),
    ("左摇", Move::PanLeft),
    ("右摇", Move::PanRight),
    ("推进", Move::PushIn),
    ("拉远", Move::PullOut),
    ("上升", Move::PedestalUp),
    ("下降", Move::PedestalDown),
    ("上摇", Move::TiltUp),
    ("下摇", Move::TiltDown),
    ("变焦推近", Move::ZoomIn),
    ("变焦拉远", Move::ZoomOut),
    ("晃动", Move::Shake),
    ("跟随", Move::Tracking),
    ("固定", Move::Static),
];

/// The camera moves of a prompt: brackets one after the other, the moves within one bracket together.
///
/// Unknown commands are passed over, and so is a bracket that holds nothing else.
pub(crate) fn moves(prompt: &str) -> Vec<Vec<Move>> {
    let found = brackets(prompt).map(|inside| inside.split([',', '，', '、']).filter_map(command).collect::<Vec<_>>());
    found.filter(|together| !together.is_empty()).collect()
}

/// The prompt without its brackets: the words that describe the picture.
pub(crate) fn without_brackets(prompt: &str) -> String {
    let mut words = String::with_capacity(prompt.len());
    let mut rest = prompt;
    while let Some((before, inside)) = rest.split_once('[') {
        words.push_str(before);
        words.push(' ');
        rest = inside.split_once(']').map_or("", |(_, after)| after);
    }
    words + rest
}

fn brackets(prompt: &str) -> impl Iterator<Item = &str> {
    prompt.split_inclusive(']').filter_map(|part| Some(part.strip_suffix(']')?.rsplit_once('[')?.1))
}

fn command(text: &str) -> Option<Move> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    COMMANDS.iter().find(|(name, _)| *name == words).map(|(_, found)| *found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_from_brackets() {
        let table: [(&str, &[&[Move]]); 10] = [
            ("a cat", &[]),
            ("a cat [Pan left]", &[&[Move::PanLeft]]),
            ("[PAN  right] a cat [zoom in]", &[&[Move::PanRight], &[Move::ZoomIn]]),
            ("[Truck left,Pan right]", &[&[Move::TruckLeft, Move::PanRight]]),
            ("[Push out]", &[&[Move::PullOut]]),
            ("[Fly away, Tilt up] [Dance] [Shake]", &[&[Move::TiltUp], &[Move::Shake]]),
            ("[] [,] ][ [[Static shot]]", &[&[Move::Static]]),
            ("[Pan left", &[]),
            ("Pan left]", &[]),
            ("[Tracking shot, Pedestal up, Pedestal down]", &[&[Move::Tracking, Move::PedestalUp, Move::PedestalDown]]),
        ];
        for (prompt, expected) in table {
            assert_eq!(moves(prompt), expected, "{prompt}");
        }
    }

    #[test]
    fn every_documented_command_is_known() {
        let documented = "[Truck left] [Truck right] [Pan left] [Pan right] [Push in] [Pull out] \
                          [Pedestal up] [Pedestal down] \
                          [Tilt up] [Tilt down] [Zoom in] [Zoom out] [Shake] [Tracking shot] [Static shot]";
        assert_eq!(moves(documented).len(), 15);
    }

    #[test]
    fn every_chinese_command_is_its_english_one() {
        let pairs = [
            ("[左移]", "[Truck left]"),
            ("[右移]", "[Truck right]"),
            ("[左摇]", "[Pan left]"),
            ("[右摇]", "[Pan right]"),
            ("[推进]", "[Push in]"),
            ("[拉远]", "[Pull out]"),
            ("[上升]", "[Pedestal up]"),
            ("[下降]", "[Pedestal down]"),
            ("[上摇]", "[Tilt up]"),
            ("[下摇]", "[Tilt down]"),
            ("[变焦推近]", "[Zoom in]"),
            ("[变焦拉远]", "[Zoom out]"),
            ("[晃动]", "[Shake]"),
            ("[跟随]", "[Tracking shot]"),
            ("[固定]", "[Static shot]"),
            ("一只猫 [左摇，上升]", "[Pan left, Pedestal up]"),
            ("[左摇、上升]", "[Pan left, Pedestal up]"),
        ];
        for (chinese, english) in pairs {
            assert_eq!(moves(chinese), moves(english), "{chinese}");
            assert!(!moves(chinese).is_empty(), "{chinese}");
        }
    }

    #[test]
    fn what_is_in_brackets_is_not_part_of_the_words() {
        assert_eq!(without_brackets("a [Pan left]cat [x").split_whitespace().collect::<Vec<_>>(), ["a", "cat"]);
    }
}
