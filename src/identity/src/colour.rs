//! Defines [`Colour`], an sRGB colour, with its place in OKLCH and the contrast between two of them.
//!
//! Reads the notations of CSS Color 4 that people use, and writes `#rrggbb` only, so that nothing of what was typed
//! reaches a stylesheet. Leaves which colours belong together to its callers.

/// Each channel is 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour {
    red: f64,
    green: f64,
    blue: f64,
}

/// Lightness 0 to 1, chroma from 0, hue in degrees (CSS Color 4 section 9.4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oklch {
    pub lightness: f64,
    pub chroma: f64,
    pub hue: f64,
}

impl Colour {
    pub const fn from_bytes(red: u8, green: u8, blue: u8) -> Self {
        Self { red: red as f64 / 255.0, green: green as f64 / 255.0, blue: blue as f64 / 255.0 }
    }

    /// Reads `#rgb`, `#rrggbb`, `rgb()`, `hsl()` or `oklch()`, without transparency. None if it is no colour.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        if let Some(digits) = text.strip_prefix('#') {
            return Self::from_hex(digits);
        }
        let (name, arguments) = text.strip_suffix(')')?.split_once('(')?;
        let words = arguments.split([',', ' ']).filter(|word| !word.is_empty());
        let [first, second, third] = words.collect::<Vec<_>>().try_into().ok()?;
        match name.trim_end() {
            "rgb" => {
                let channel = |word| number(word, 255.0).map(|value| (value / 255.0).clamp(0.0, 1.0));
                Some(Self { red: channel(first)?, green: channel(second)?, blue: channel(third)? })
            }
            "hsl" => {
                let share = |word: &str| number(word.strip_suffix('%')?, 100.0);
                Some(Self::from_hsl(degrees(first)?, share(second)? / 100.0, share(third)? / 100.0))
            }
            "oklch" => {
                let (lightness, chroma) = (number(first, 1.0)?, number(second, 0.4)?);
                Some(Self::from_oklch(Oklch { lightness, chroma, hue: degrees(third)? }))
            }
            _ => None,
        }
    }

    fn from_hex(digits: &str) -> Option<Self> {
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let value = u32::from_str_radix(digits, 16).ok()?;
        let [_, red, green, blue] = match digits.len() {
            3 => [0, value >> 8 & 15, value >> 4 & 15, value & 15]
                .map(|digit| u8::try_from(digit * 17).unwrap_or(u8::MAX)),
            6 => value.to_be_bytes(),
            _ => return None,
        };
        Some(Self::from_bytes(red, green, blue))
    }

    /// CSS Color 4 section 7.1.
    fn from_hsl(hue: f64, saturation: f64, lightness: f64) -> Self {
        let (saturation, lightness) = (saturation.clamp(0.0, 1.0), lightness.clamp(0.0, 1.0));
        let amplitude = saturation * lightness.min(1.0 - lightness);
        let channel = |offset: f64| {
            let position = (offset + hue / 30.0).rem_euclid(12.0);
            lightness - amplitude * (position - 3.0).min(9.0 - position).clamp(-1.0, 1.0)
        };
        Self { red: channel(0.0), green: channel(8.0), blue: channel(4.0) }
    }

    /// Channels outside of sRGB are clipped, as browsers do.
    pub fn from_oklch(Oklch { lightness, chroma, hue }: Oklch) -> Self {
        let lightness = lightness.clamp(0.0, 1.0);
        let (sine, cosine) = hue.to_radians().sin_cos();
        let (green_red, blue_yellow) = (chroma.max(0.0) * cosine, chroma.max(0.0) * sine);
        let long = (lightness + 0.396_337_777_4 * green_red + 0.215_803_757_3 * blue_yellow).powi(3);
        let medium = (lightness - 0.105_561_345_8 * green_red - 0.063_854_172_8 * blue_yellow).powi(3);
        let short = (lightness - 0.089_484_177_5 * green_red - 1.291_485_548_0 * blue_yellow).powi(3);
        Self {
            red: encode(4.076_741_662_1 * long - 3.307_711_591_3 * medium + 0.230_969_929_2 * short),
            green: encode(-1.268_438_004_6 * long + 2.609_757_401_1 * medium - 0.341_319_396_5 * short),
            blue: encode(-0.004_196_086_3 * long - 0.703_418_614_7 * medium + 1.707_614_701_0 * short),
        }
    }

    pub fn oklch(self) -> Oklch {
        let (red, green, blue) = (decode(self.red), decode(self.green), decode(self.blue));
        let long = (0.412_221_470_8 * red + 0.536_332_536_3 * green + 0.051_445_992_9 * blue).cbrt();
        let medium = (0.211_903_498_2 * red + 0.680_699_545_1 * green + 0.107_396_956_6 * blue).cbrt();
        let short = (0.088_302_461_9 * red + 0.281_718_837_6 * green + 0.629_978_700_5 * blue).cbrt();
        let green_red = 1.977_998_495_1 * long - 2.428_592_205_0 * medium + 0.450_593_709_9 * short;
        let blue_yellow = 0.025_904_037_1 * long + 0.782_771_766_2 * medium - 0.808_675_766_0 * short;
        Oklch {
            lightness: 0.210_454_255_3 * long + 0.793_617_785_0 * medium - 0.004_072_046_8 * short,
            chroma: green_red.hypot(blue_yellow),
            hue: blue_yellow.atan2(green_red).to_degrees(),
        }
    }

    /// The contrast ratio of two colours, 1 to 21 (WCAG 2.2, "contrast ratio").
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        0.2126 * decode(self.red) + 0.7152 * decode(self.green) + 0.0722 * decode(self.blue)
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to a byte")]
        let byte = |channel: f64| (channel.clamp(0.0, 1.0) * 255.0).round() as u8;
        write!(out, "#{:02x}{:02x}{:02x}", byte(self.red), byte(self.green), byte(self.blue))
    }
}

/// A number, or a percentage of `whole`.
fn number(word: &str, whole: f64) -> Option<f64> {
    let (digits, unit) = word.strip_suffix('%').map_or((word, 1.0), |digits| (digits, whole / 100.0));
    let value: f64 = digits.parse().ok()?;
    value.is_finite().then_some(value * unit)
}

fn degrees(word: &str) -> Option<f64> {
    let value: f64 = word.strip_suffix("deg").unwrap_or(word).parse().ok()?;
    value.is_finite().then_some(value)
}

/// From a channel of sRGB to linear light.
fn decode(channel: f64) -> f64 {
    if channel <= 0.040_45 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
}

/// From linear light to a channel of sRGB.
fn encode(light: f64) -> f64 {
    let channel = if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
    channel.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::Colour;

    #[test]
    fn each_notation_names_the_same_colour() {
        for text in
            ["#0b5d57", "#0B5D57", "rgb(11 93 87)", "rgb(11, 93, 87)", "oklch(0.43232 0.07218 186.979)"]
        {
            assert_eq!(Colour::parse(text).unwrap().to_string(), "#0b5d57", "{text}");
        }
        assert_eq!(Colour::parse("#fa0").unwrap().to_string(), "#ffaa00");
        assert_eq!(Colour::parse("hsl(40deg 100% 50%)").unwrap().to_string(), "#ffaa00");
    }

    #[test]
    fn what_is_no_colour_is_none() {
        for text in
            ["", "teal-ish", "#12", "#12345g", "#+12345", "rgb(1 2)", "rgb(a b c)", "oklch(inf 0 0)", "red;}"]
        {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }

    #[test]
    fn oklch_goes_there_and_back() {
        for text in ["#0b5d57", "#ffd400", "#6d3df0", "#000000", "#ffffff"] {
            let colour = Colour::parse(text).unwrap();
            assert_eq!(Colour::from_oklch(colour.oklch()).to_string(), text);
        }
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        let (black, white) = (Colour::parse("#000").unwrap(), Colour::parse("#fff").unwrap());
        assert!((black.contrast(white) - 21.0).abs() < 1e-9);
        let grey = Colour::parse("#767676").unwrap();
        assert!((4.54..4.55).contains(&white.contrast(grey)));
    }
}
