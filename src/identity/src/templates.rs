//! Renders pages and mails from the files under `templates/`.
//!
//! The files are embedded. A file of the same name in the directory `pages.templates` replaces an embedded
//! one, and a change to that file takes effect at the next page. All templates are compiled when the provider
//! starts. `.html` files escape automatically, an undefined variable is an error, and every text comes from
//! [`messages`](crate::messages) by the function `t("key", argument = value)`. Every template has the globals
//! `brand` and `all_languages`, and every message the arguments `brand` and `support`. Leaves the other values of a template to its caller.

mod brand;
mod overrides;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use fluent_bundle::{FluentArgs, FluentValue};
use minijinja::{
    AutoEscape, Environment, ErrorKind, HtmlEscape, State, TemplateSource, UndefinedBehavior, Value, context,
    escape_formatter,
    value::{Kwargs, ValueKind},
};
use postern_service::asset::Assets;
use rust_embed::RustEmbed;

pub use self::{
    brand::{Brand, Contrast, STYLESHEET, contrasts},
    overrides::warnings as override_warnings,
};
use crate::{
    config::PageSettings,
    messages::{Messages, MessagesError},
    pictures::PictureError,
    readable,
};

/// A limit of template instructions, far above the needs of the embedded templates. Ends an infinite loop in
/// an operator's template.
const FUEL: u64 = 200_000;

#[derive(RustEmbed)]
#[folder = "../../templates/"]
struct BuiltIn;

/// Why templates cannot be loaded or rendered.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The directory of `pages.templates`, or a file in it, cannot be read.
    #[error("`{}` of `pages.templates` cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] std::io::Error),
    #[error("the logo `{}` cannot be read", .0.display())]
    UnreadableLogo(PathBuf, #[source] std::io::Error),
    #[error("the logo `{}` is not taken", .0.display())]
    Logo(PathBuf, #[source] PictureError),
    /// A template does not compile or render.
    #[error("a template is broken: {0:#}")]
    Template(#[from] minijinja::Error),
    /// A message file is invalid.
    #[error(transparent)]
    Messages(#[from] MessagesError),
}

/// A rendered mail, without sender and recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailText {
    /// A single line, without line breaks.
    pub subject: String,
    pub text: String,
    pub html: String,
}

pub struct Templates {
    environment: Environment<'static>,
    texts: Texts,
    /// Whether an operator's directory may replace templates.
    overridden: bool,
}

/// What every template draws from.
#[derive(Clone)]
struct Texts {
    messages: Arc<Messages>,
    assets: Arc<Assets>,
    brand: Arc<Brand>,
}

impl Templates {
    /// Loads the embedded files, those of the directory that the settings name, and the logos, and compiles all
    /// templates once.
    pub fn load(settings: &PageSettings) -> Result<Self, TemplateError> {
        let directory = settings.templates.as_deref();
        for warning in directory.map(overrides::warnings).into_iter().flatten() {
            tracing::warn!("{warning}");
        }
        let brand = Brand::load(settings)?;
        let texts = Texts {
            messages: Arc::new(Messages::from_files(message_files(directory)?)?),
            assets: Arc::new(assets(directory, &brand)?),
            brand: Arc::new(brand),
        };
        let environment = environment(directory, &texts);
        let templates = Self { environment, texts, overridden: directory.is_some() };
        for name in
            BuiltIn::iter().filter(|name| !name.starts_with("assets/") && !name.starts_with("messages/"))
        {
            templates.environment.get_template(&name)?;
        }
        Ok(templates)
    }

    /// See [`Messages::negotiate`].
    pub fn negotiate_language(&self, ui_locales: Option<&str>, accept_language: Option<&str>) -> String {
        self.texts.messages.negotiate(ui_locales, accept_language)
    }

    pub fn has_language(&self, language: &str) -> bool {
        self.texts.messages.has_language(language)
    }

    pub fn languages(&self) -> Vec<String> {
        self.texts.messages.languages()
    }

    pub fn mails(&self) -> Vec<String> {
        let name = |file: &str| Some(file.strip_prefix("mail/")?.strip_suffix(".subject")?.to_owned());
        let mut names: Vec<_> = BuiltIn::iter().filter_map(|file| name(&file)).collect();
        names.sort_unstable();
        names
    }

    /// Renders a file such as `pages/login.html`.
    ///
    /// If an operator's template fails, the embedded one is rendered instead and the error is logged: a
    /// mistake in a template must not lock users out.
    pub fn render(
        &self,
        name: &str,
        language: &str,
        values: impl Into<Value>,
    ) -> Result<String, TemplateError> {
        let values = context! { language, ..values.into() };
        match self.environment.get_template(name).and_then(|template| template.render(&values)) {
            Ok(text) => Ok(text),
            Err(cause) if self.overridden => {
                tracing::error!(template = name, cause = %format_args!("{cause:#}"), "an overridden template is broken");
                let built_in = environment(None, &self.texts);
                Ok(built_in.get_template(name)?.render(values)?)
            }
            Err(cause) => Err(cause.into()),
        }
    }

    pub fn mail(
        &self,
        name: &str,
        language: &str,
        values: impl Into<Value>,
    ) -> Result<MailText, TemplateError> {
        let values: Value = values.into();
        let part = |kind: &str| self.render(&format!("mail/{name}.{kind}"), language, values.clone());
        Ok(MailText { subject: part("subject")?.trim().to_owned(), text: part("txt")?, html: part("html")? })
    }

    pub fn assets(&self) -> &Assets {
        &self.texts.assets
    }

    /// A message as HTML, for a key that is computed at run time; none if the key does not exist.
    pub fn text(&self, language: &str, key: &str, arguments: &[(&'static str, Value)]) -> Option<String> {
        let mut values = FluentArgs::new();
        self.texts.brand.set_arguments(&mut values, true);
        for (name, value) in arguments {
            values.set(*name, argument(value, true));
        }
        self.texts.messages.text(language, key, &values)
    }
}

/// Every embedded file, as `(name, content)`: what `pages.templates` may replace.
pub fn built_in_files() -> impl Iterator<Item = (String, Cow<'static, [u8]>)> {
    BuiltIn::iter().filter_map(|name| Some((name.to_string(), BuiltIn::get(&name)?.data)))
}

/// The embedded assets and those of the brand, each replaced by the operator's file of the same name, and the operator's
/// other files.
fn assets(directory: Option<&Path>, brand: &Brand) -> Result<Assets, TemplateError> {
    let built_in = BuiltIn::iter().filter_map(|name| {
        let own_name = name.strip_prefix("assets/")?.to_owned();
        Some((own_name, BuiltIn::get(&name)?.data.into_owned()))
    });
    let mut files: BTreeMap<_, _> = built_in.chain(brand.files()).collect();
    for path in directory.map(|directory| files_in(directory, "assets")).transpose()?.into_iter().flatten() {
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            files.insert(name.to_owned(), read(&path)?);
        }
    }
    Ok(Assets::from_files(files))
}

/// The files in a folder of the operator's directory. The folder may be missing, the directory must exist.
fn files_in(directory: &Path, folder: &str) -> Result<Vec<PathBuf>, TemplateError> {
    let unreadable = |cause| TemplateError::Unreadable(directory.to_owned(), cause);
    fs::read_dir(directory).map_err(unreadable)?;
    let entries = fs::read_dir(directory.join(folder)).into_iter().flatten();
    entries.map(|entry| Ok(entry.map_err(unreadable)?.path())).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, TemplateError> {
    fs::read(path).map_err(|cause| TemplateError::Unreadable(path.to_owned(), cause))
}

/// `(language, source)` of every message file: first the embedded ones, then the operator's, which win.
fn message_files(directory: Option<&Path>) -> Result<Vec<(String, String)>, TemplateError> {
    let built_in = BuiltIn::iter().filter_map(|name| {
        let language = name.strip_prefix("messages/")?.strip_suffix(".ftl")?.to_owned();
        Some((language, String::from_utf8_lossy(&BuiltIn::get(&name)?.data).into_owned()))
    });
    let mut files: Vec<_> = built_in.collect();
    for path in directory.map(|directory| files_in(directory, "messages")).transpose()?.into_iter().flatten()
    {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(language) = name.strip_suffix(".ftl") {
            files.push((language.to_owned(), String::from_utf8_lossy(&read(&path)?).into_owned()));
        }
    }
    Ok(files)
}

fn environment(directory: Option<&Path>, texts: &Texts) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_auto_escape_callback(|name| {
        if Path::new(name).extension().is_some_and(|ending| ending == "html") {
            AutoEscape::Html
        } else {
            AutoEscape::None
        }
    });
    // Stored names may predate the rule against invisible characters, so every value is cleaned here.
    environment.set_formatter(|out, state, value| {
        match value.as_str().map(readable::without_invisible_characters) {
            Some(Cow::Owned(seen)) if !value.is_safe() => escape_formatter(out, state, &Value::from(seen)),
            _ => escape_formatter(out, state, value),
        }
    });
    let directory = directory.map(Path::to_owned);
    environment.set_loader(move |name| Ok(source(directory.as_deref(), name)));
    environment.add_global("brand", texts.brand.values(&texts.assets));
    environment.add_global("all_languages", all_languages(&texts.messages));
    let own = texts.clone();
    environment.add_function("t", move |state: &State, key: &str, arguments: Kwargs| {
        text(&own, state, key, &arguments)
    });
    let assets = Arc::clone(&texts.assets);
    environment.add_function("asset", move |name: &str| {
        let missing =
            || minijinja::Error::new(ErrorKind::InvalidOperation, format!("there is no asset `{name}`"));
        assets.path(name).map(Value::from_safe_string).ok_or_else(missing)
    });
    environment
}

/// Every language with the name that its readers know.
fn all_languages(messages: &Messages) -> Value {
    let languages = messages.languages();
    languages.iter().map(|tag| context! { tag, name => messages.own_name(tag) }).collect()
}

/// The operator's file if it exists, else the embedded one; read again once the file has changed.
fn source(directory: Option<&Path>, name: &str) -> Option<TemplateSource> {
    let built_in = || Some(String::from_utf8_lossy(&BuiltIn::get(name)?.data).into_owned());
    let Some(path) = directory.map(|directory| directory.join(name)) else {
        return built_in().map(TemplateSource::new);
    };
    let seen = changed_at(&path);
    let text = fs::read_to_string(&path).ok().or_else(built_in)?;
    Some(TemplateSource::new(text).with_uptodate_check(move || changed_at(&path) == seen))
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// `t("key", name = value)`: a message in the language of the page.
fn text(texts: &Texts, state: &State, key: &str, arguments: &Kwargs) -> Result<Value, minijinja::Error> {
    let language = state.lookup("language").map(|value| value.to_string()).unwrap_or_default();
    let html = matches!(state.auto_escape(), AutoEscape::Html);
    let mut values = FluentArgs::new();
    texts.brand.set_arguments(&mut values, html);
    for name in arguments.args() {
        let value: Value = arguments.get(name)?;
        values.set(name.to_owned(), argument(&value, html));
    }
    arguments.assert_all_used()?;
    let text = texts.messages.text(&language, key, &values).unwrap_or_else(|| {
        tracing::error!(key, "there is no such message");
        key.to_owned()
    });
    Ok(if html { Value::from_safe_string(text) } else { Value::from(text) })
}

/// Numbers stay numbers, for plural rules. Any other value becomes text without invisible characters, escaped
/// on a page.
fn argument(value: &Value, html: bool) -> FluentValue<'static> {
    match i64::try_from(value.clone()) {
        Ok(number) if value.kind() == ValueKind::Number => FluentValue::from(number),
        _ if value.is_safe() => value.to_string().into(),
        _ if html => {
            HtmlEscape(&readable::without_invisible_characters(&value.to_string())).to_string().into()
        }
        _ => readable::without_invisible_characters(&value.to_string()).into_owned().into(),
    }
}
