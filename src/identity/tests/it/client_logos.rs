//! Logos that are made safe.

use postern_identity::pictures::{Picture, PictureError, PictureKind};

pub const SVG: &str = r##"<?xml version="1.0"?><!DOCTYPE svg><!-- made by hand --><svg xmlns="http://www.w3.org/2000/svg"
    xmlns:ink="http://ink.example" viewBox="0 0 8 8" ink:version="1" data-x="y"><metadata><x/></metadata>
    <style>.a { fill: url(#g) }</style><defs><linearGradient id="g"><stop offset="0" stop-color="red"/></linearGradient></defs>
    <ink:view><script>alert(1)</script></ink:view><path class="a" d="M0 0h8v8z"/><use href="#g"/></svg>"##;

/// One red pixel, and a text.
pub fn png() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 1, 1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.add_text_chunk("Author".to_owned(), "somebody".to_owned()).unwrap();
    encoder.write_header().unwrap().write_image_data(&[255, 0, 0]).unwrap();
    file
}

#[test]
fn an_svg_keeps_what_draws_and_nothing_else() {
    let safe = Picture::made_safe(SVG.as_bytes()).unwrap();
    assert_eq!(safe.kind, PictureKind::Svg);
    let text = String::from_utf8(safe.content().to_vec()).unwrap();
    for kept in [
        "<svg xmlns=\"http://www.w3.org/2000/svg\"",
        "viewBox=",
        "d=\"M0 0h8v8z\"",
        "url(#g)",
        "<use href=\"#g\">",
    ] {
        assert!(text.contains(kept), "{kept} in {text}");
    }
    for dropped in ["ink", "data-x", "metadata", "script", "DOCTYPE", "made by hand"] {
        assert!(!text.contains(dropped), "{dropped} in {text}");
    }
    // Whoever is made safe twice stays the same.
    assert_eq!(Picture::made_safe(text.as_bytes()).unwrap(), safe);
}

#[test]
fn an_svg_that_could_run_or_load_something_is_refused_by_name() {
    let deep = "<g>".repeat(100) + &"</g>".repeat(100);
    for (inside, named) in [
        ("<script>alert(1)</script>", "<script>"),
        ("<SCRIPT>alert(1)</SCRIPT>", "<SCRIPT>"),
        ("<foreignObject/>", "<foreignObject>"),
        ("<a href='#x'/>", "<a>"),
        ("<image href='x.png'/>", "<image>"),
        ("<animate attributeName='href'/>", "<animate>"),
        ("<path onload='alert(1)'/>", "onload"),
        ("<path OnClick='alert(1)'/>", "OnClick"),
        ("<use href='https://evil.test/x#y'/>", "another file"),
        ("<use href='data:image/svg+xml,x'/>", "another file"),
        ("<path fill='url(https://evil.test/x)'/>", "another file"),
        ("<path style='fill: URL( \"//evil.test\")'/>", "another file"),
        ("<style>@import 'https://evil.test/x'</style>", "styles"),
        ("<style>a { fill: \\75rl(//evil.test) }</style>", "styles"),
        ("<style><![CDATA[@import 'x']]></style>", "styles"),
        ("<style>a{}<!-- -->@import 'x'</style>", "styles"),
        ("<style>a { fill: ur<!-- -->l(//evil.test) }</style>", "another file"),
        ("<g xmlns='http://www.w3.org/1999/xhtml'/>", "another language"),
        (&deep, "too many"),
        ("<style>a{}<title>b</title></style>", "within a style"),
    ] {
        let file = format!("<svg xmlns='http://www.w3.org/2000/svg'>{inside}</svg>");
        let refused = Picture::made_safe(file.as_bytes()).unwrap_err().to_string();
        assert!(refused.contains(named), "{inside}: {refused}");
    }
    for broken in [
        "<!DOCTYPE svg [<!ENTITY x 'y'>]><svg/>",
        "<svg>&x;<text>&x;</text></svg>",
        "<svg><g></svg>",
        "<svg>",
        "<svg/><svg/>",
        "<html/>",
        "<x:svg xmlns:x='http://www.w3.org/2000/svg'/>",
        "text",
        "",
    ] {
        Picture::made_safe(broken.as_bytes()).expect_err(broken);
    }
    let large = format!("<svg><title>{}</title></svg>", "x".repeat(64 * 1024));
    Picture::made_safe(large.as_bytes()).unwrap_err();
}

/// A picture with this inside.
fn svg_with(inside: &str) -> Result<Picture, PictureError> {
    let open = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' viewBox='0 0 44 44'>";
    Picture::made_safe(format!("{open}{inside}</svg>").as_bytes())
}

/// Levels of which each draws the next one twice: `part` writes one level from its number and what refers to the next.
fn levels(count: usize, part: impl Fn(usize, &str) -> String, refer: impl Fn(usize) -> String) -> String {
    let last = count - 1;
    let levels =
        (0..count).map(|level| part(level, &if level == last { String::new() } else { refer(level + 1) }));
    levels.collect::<String>() + &format!("<rect {}/>", refer(0))
}

/// Pictures of a few kilobytes that no browser finishes, each with a word of the reason.
fn endless_pictures() -> Vec<(String, &'static str)> {
    let twice = |element: &'static str| {
        move |level: usize, next: &str| {
            let rect = format!("<rect width='9' height='9' {next}/>");
            format!("<{element} id='m{level}'>{rect}{rect}</{element}>")
        }
    };
    let grown = "more than 10000";
    let mask_chain = |refer: fn(usize) -> String| levels(20, twice("mask"), refer);
    let shapes = "<path d='M0 0h9v9z'/>".repeat(2500);
    let path = "h1v1".repeat(10_000);
    let classes: String = (0..20).map(|level| format!(".c{level}{{mask:url(#m{level})}}")).collect();
    let nested =
        |level: usize| format!("@media all {{ a, svg > .c{level} {{ Mask : URL( '#m{level}' ) }} }}");
    let nested: String = (0..20).map(nested).collect();
    let by_class = mask_chain(|level| format!("class='b c{level}'"));
    let uses = |level: usize, next: &str| {
        let copy = if next.is_empty() { "<rect/>".to_owned() } else { format!("<use {next}/>") };
        format!("<g id='m{level}'>{copy}{copy}</g>")
    };
    vec![
        (mask_chain(|level| format!("mask='url(#m{level})'")), grown),
        (mask_chain(|level| format!("style='fill:red;mask:url( \"#m{level}\" )'")), grown),
        (levels(20, twice("clipPath"), |level| format!("clip-path='url(#m{level})'")), grown),
        (levels(20, uses, |level| format!("href='#m{level}'")), grown),
        (format!("<style>{classes}</style>{by_class}"), grown),
        (format!("<style><![CDATA[{nested}]]></style>{by_class}"), grown),
        ("<style>* > *{mask:url(#a)}</style><mask id='a'><rect/></mask><rect/>".to_owned(), "circle"),
        (format!("<g id='a'>{shapes}</g>{}", "<use href='#a'/>".repeat(15)), grown),
        (format!("<path id='a' d='M0 0{path}'/>{}", "<use xlink:href='#a'/>".repeat(100)), grown),
        ("<mask id='a'><rect mask='url(#a)'/></mask>".to_owned(), "circle"),
        ("<g id='a'><use href='#a'/></g>".to_owned(), "circle"),
        (
            levels(
                100,
                |level, next| format!("<mask id='m{level}'><rect {next}/></mask>"),
                |level| format!("mask='url(#m{level})'"),
            ),
            "behind each other",
        ),
    ]
}

/// Pictures of a few kilobytes with endless dashes, and with more styles than anybody can try.
fn endless_styles() -> Vec<(String, &'static str)> {
    let grown = "more than 10000";
    let dashed = |dashes: &str, shapes: &str| {
        (format!("<g stroke='red' style='stroke-dasharray:{dashes}'>{shapes}</g>"), grown)
    };
    let uncounted = |shape: &str| (format!("<g stroke-dasharray='1'>{shape}</g>"), "cannot be counted");
    let swing = format!("<path d='M0 0Q9 0 9 9{}'/>", "T0 0 9 9".repeat(500));
    let declarations = "fill:url(#);".repeat(3000);
    vec![
        dashed(".00006 .00006", "<line x2='44'/>"),
        dashed("1,1", "<path d='M0 0H1e9'/>"),
        dashed("1PX", &format!("<path d='M0 0{}'/>", "h999-999h999z".repeat(20))),
        uncounted(&swing),
        uncounted("<path d='M0 0A.0001 9 0 0 0 9 0'/>"),
        uncounted("<text>a</text>"),
        uncounted("<line stroke-dasharray='1e-320'/>"),
        uncounted("<circle r='100000%'/>"),
        (
            format!("<path id='a' d='M0 0h99'/>{}", "<use href='#a' stroke-dasharray='.1'/>".repeat(200)),
            grown,
        ),
        ("<style>line{stroke-dasharray:0 .00006}</style><line x2='9'/>".to_owned(), grown),
        (format!("<style>{}b{{fill:red}}</style>", "a,".repeat(500)), "more than 500"),
        (format!("<style>{}{{fill:red}}</style>", ".a".repeat(501)), "more than 500"),
        (format!("<style>a{{fill:red}}{}</style>", "#a{fill:red}".repeat(500)), "more than 500"),
        (format!("<style>*{{{declarations}}}</style>{}", "<g/>".repeat(2000)), grown),
        ("<g/>".repeat(10_001), grown),
        (format!("<g font-family='{}'>{}</g>", "f,".repeat(100), "<text>a</text>".repeat(10)), grown),
        (
            format!(
                "<style>path{{transform:{}}}</style>{}",
                "rotate(1deg)".repeat(1000),
                "<path/>".repeat(100)
            ),
            grown,
        ),
    ]
}

#[test]
fn an_svg_that_draws_itself_too_often_is_refused() {
    for (inside, named) in endless_pictures().into_iter().chain(endless_styles()) {
        let refused = svg_with(&inside).unwrap_err().to_string();
        assert!(refused.contains(named), "{}: {refused}", &inside[..inside.len().min(300)]);
    }
}

#[test]
fn a_style_that_could_hide_a_reference_is_refused() {
    for inside in [
        "<g mask='inherit'/>",
        "<g style='mask: var(--no, inherit)'/>",
        "<style>.i { clip-path: inherit }</style>",
        "<g clip-path='Inherit'/>",
        "<g style='mask: url(#m), url(#m)'/>",
        "<g style='clip-path: path(\"M0 0h9v9z\")'/>",
        "<style>g:not(p) { mask: url(#m) }</style>",
        "<style>g ~ g { fill: red }</style>",
        "<style>g { fill: red; g { fill: blue } }</style>",
        "<style>@media all { @media all { g { fill: red } } }</style>",
        "<style>g { fill: ((((((((((((((((((red)))))))))))))))))) }</style>",
        "<style>g { --m: url(#m) } rect { mask: var(--m) }</style>",
        "<style>a { x: (} b { y: z); mask: url(#m) }</style>",
        "<style>a { x: [)]; mask: url(#m) }</style>",
        "<style>a { fill: url(#a/*) } b { mask: url(#m*/) }</style>",
        "<style>a { x: \"\n } b { mask: url(#m) } c { x: \" }</style>",
        "<style>a { mask: url(#m) }}</style>",
        "<style>a { mask: url(#m)</style>",
        "<style>a /* b { mask: url(#m) }</style>",
        "<style>mask: url(#m)</style>",
        "<style>a:is(url(#m)) { fill: red }</style>",
        "<g style='fill: red } b { mask: url(#m)'/>",
        "<g style='a { mask: url(#m) }'/>",
        "<g mask='url(#%6d)'/>",
        "<g mask='url(#m'/>",
        "<use href='#%6d'/>",
        "<use href='#a&#10;b'/>",
    ] {
        let refused = svg_with(inside).expect_err(inside);
        assert!(matches!(refused, PictureError::Forbidden(_)), "{inside}: {refused}");
    }
}

#[test]
fn a_style_keeps_what_draws_a_logo_and_nothing_else() {
    for (inside, kept) in [
        ("<style>.i{-webkit-clip-path:inherit}</style>", "<style>.i{}</style>"),
        (
            "<style>a{filter:blur(9px);FILL : red ;--m:url(#m);all:inherit}</style>",
            "<style>a{fill:red}</style>",
        ),
        ("<style> @media print { /* } */ a,\n.c{ x:y } }</style>", "<style>@media print{a,\n.c{}}</style>"),
        (
            "<style>@media print{a > *{stroke:#fff/* ; */!important};}</style>",
            "{a &gt; *{stroke:#fff !important}}",
        ),
        ("<g style='mask-image:url(#m),url(#m);animation:a 1s infinite;transition:all 9s'/>", "<g></g>"),
        (
            "<g style='x: \";\"; font-family: \"A;B\"; -inkscape-stroke:none'/>",
            "font-family:&quot;A;B&quot;\"",
        ),
        (
            "<g style='mix-blend-mode:normal;isolation:auto;text-shadow:0 0 9px red'/>",
            ":normal;isolation:auto\"",
        ),
        (
            "<g style='backdrop-filter:blur(9px);stroke-width:2;content:url(#m)'/>",
            "<g style=\"stroke-width:2\">",
        ),
        (
            "<g filter='blur(9px)' fill-x='1' stroke-width='2' text-shadow='0 0 9px red'/>",
            "<g stroke-width=\"2\">",
        ),
        ("<path pathLength='1' vector-effect='non-scaling-stroke' d='M0 0'/>", "<path d=\"M0 0\">"),
        ("<g stroke-dasharray='var(--a, 1e-9)' style='stroke-dasharray:1%'/>", "<g></g>"),
        ("<g stroke-dasharray='none'/><text>a</text>", "<g stroke-dasharray=\"none\"></g><text>a"),
        (
            "<style>a{stroke-dasharray:4 2}</style><path d='M1-1.5.5l9 9zc1,1 2,2 3,3'/>",
            "stroke-dasharray:4 2}",
        ),
    ] {
        let safe = svg_with(inside).unwrap_or_else(|refused| panic!("{inside}: {refused}"));
        let written = String::from_utf8(safe.into_content()).unwrap();
        assert!(written.contains(kept), "{inside}: {written}");
    }
}

#[test]
fn what_drawing_programs_write_is_taken() {
    let shapes = "<path class='cls-1' fill='url(#linear-gradient)' d='M0 0h9v9z'/>".repeat(700);
    let illustrator = format!(
        "<defs><style>.cls-1{{fill:url(#linear-gradient);}}.cls-2 {{ clip-path: url(#clip-path); }}\
         .cls-3,.cls-4{{fill:none}} /* }} */ @media (prefers-color-scheme: dark) {{ .cls-3 {{ fill: #fff }} }}</style>\
         <linearGradient id='linear-gradient' x1='1'><stop offset='0'/><stop offset='1'/></linearGradient>\
         <linearGradient id='linear-gradient-2' xlink:href='#linear-gradient'/>\
         <clipPath id='clip-path'><rect class='cls-3' width='44' height='44'/></clipPath></defs>\
         <g class='cls-2'>{shapes}</g><path fill='url(#linear-gradient-2) none'/>"
    );
    let figma = "<g clip-path='url(#clip0_1_2)'><mask id='mask0_1_2' style='mask-type:luminance' maskUnits='userSpaceOnUse'>\
         <path d='M44 0H0v44h44V0Z' fill='white'/></mask><g mask='url(#mask0_1_2)'><path d='M0 0h9' fill='url(#paint0_linear_1_2)'/></g></g>\
         <defs><linearGradient id='paint0_linear_1_2'><stop stop-color='#fff'/></linearGradient>\
         <clipPath id='clip0_1_2'><rect width='44' height='44' fill='white'/></clipPath></defs>";
    let sketch = "<defs><path d='M0 0h9v9z' id='path-1'/></defs><g id='Größe 1'><mask id='mask-2' fill='white'><use xlink:href='#path-1'/></mask>\
         <use id='Mask' fill='#D8D8D8' xlink:href='#path-1'/><path d='M0 0h9' mask='url(#mask-2)'/></g>";
    let inkscape = "<defs><linearGradient id='linearGradient4321'><stop style='stop-color:#0b5d57;stop-opacity:1' offset='0'/></linearGradient>\
         <radialGradient xlink:href='#linearGradient4321' id='radialGradient5'/></defs>\
         <path style='fill:url(#radialGradient5);fill-opacity:1;-inkscape-font-specification:\"Sans; Bold\"' d='M0 0h9'/>";
    let petals = format!(
        "<ellipse id='petal' rx='4' ry='9'/>{}",
        "<use href='#petal' transform='rotate(15)'/>".repeat(48)
    );
    for inside in [&illustrator, figma, sketch, inkscape, &petals] {
        let safe = svg_with(inside).unwrap_or_else(|refused| panic!("{inside}: {refused}"));
        assert_eq!(Picture::made_safe(safe.content()).unwrap(), safe);
    }
}

#[test]
fn a_rewritten_svg_is_well_formed() {
    for (inside, kept) in [
        ("<use href='#a' xlink:href='#b'/>", "<use href=\"#a\"></use>"),
        ("<use xlink:href='#b' href='#a'/>", "<use href=\"#b\"></use>"),
        ("<text>a&#9;&#x85;&lt;b</text>", "<text>a\t\u{85}&lt;b</text>"),
    ] {
        let written = String::from_utf8(svg_with(inside).unwrap().into_content()).unwrap();
        assert!(written.contains(kept), "{written}");
    }
    for inside in [
        "<text>&#1;</text>",
        "<text>&#xfffe;</text>",
        "<text>\u{b}</text>",
        "<text><![CDATA[\u{1f}]]></text>",
        "<g id='&#31;'/>",
        "<g id='\u{ffff}'/>",
    ] {
        let refused = svg_with(inside).expect_err(inside).to_string();
        assert!(refused.contains("character"), "{inside:?}: {refused}");
    }
    svg_with("<use href='#a' href='#b'/>").unwrap_err();
}

#[test]
fn a_png_is_read_whole_and_loses_its_texts() {
    let file = png();
    let safe = Picture::made_safe(&file).unwrap();
    assert_eq!(safe.kind, PictureKind::Png);
    assert!(file.windows(8).any(|text| text == b"somebody"));
    assert!(!safe.content().windows(8).any(|text| text == b"somebody"));
    let appended = [&file[..], b"<script>"].concat();
    assert_eq!(Picture::made_safe(&appended).unwrap(), safe, "what follows the end is cut off");
    let mut damaged = file.clone();
    let middle = damaged.len() - 20;
    damaged[middle] ^= 1;
    Picture::made_safe(&damaged).unwrap_err();
    Picture::made_safe(&file[..file.len() / 2]).unwrap_err();
    let mut wide = Vec::new();
    let mut encoder = png::Encoder::new(&mut wide, 1025, 1);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[0; 1025]).unwrap();
    assert!(Picture::made_safe(&wide).unwrap_err().to_string().contains("1024"));
}
