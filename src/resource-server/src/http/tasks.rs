//! Answers `/api/tasks` and `/api/users/{user_id}/tasks`.

use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    param::{Path, Query},
    types::Example,
};
use postern_service::{
    body::Json,
    paging::PageResponse,
    problem::{self, Problem, Problems},
};
use postern_token_verifier::poem::Authorized;
use uuid::Uuid;

use super::{Tag, TasksRead, TasksWrite};
use crate::{
    App,
    tasks::{self, Change, Content, Cursor, FoldedTitle, Notes, Order, TextError, Title},
};

/// Tasks on a page when the request has no `limit`.
const DEFAULT_PAGE_SIZE: u64 = 50;

pub(super) struct TasksApi {
    pub(super) app: App,
}

/// A task of the caller.
#[derive(Object)]
#[oai(example)]
struct Task {
    /// The identifier of the task.
    id: Uuid,
    /// What to do.
    title: String,
    /// Anything else about it.
    notes: String,
    /// Whether it is done.
    done: bool,
    /// When it was added (RFC 3339).
    created_at: String,
    /// When it last changed (RFC 3339).
    updated_at: String,
}

impl Example for Task {
    fn example() -> Self {
        Self {
            id: Uuid::from_u128(0x8f0e_4c5a_3b6d_4f21_9a77_1c2d_3e4f_5a6b),
            title: "Rotate the demo secret".to_owned(),
            notes: String::new(),
            done: false,
            created_at: "2026-01-01T09:00:00.000000Z".to_owned(),
            updated_at: "2026-01-01T09:00:00.000000Z".to_owned(),
        }
    }
}

impl From<tasks::Task> for Task {
    fn from(task: tasks::Task) -> Self {
        Self {
            id: task.id,
            title: task.title,
            notes: task.notes,
            done: task.done,
            created_at: task.created_at.rfc3339(),
            updated_at: task.updated_at.rfc3339(),
        }
    }
}

/// What a task says.
#[derive(Object)]
#[oai(example)]
struct TaskContent {
    /// What to do: not blank, without control characters. White space around it is dropped.
    #[oai(validator(min_length = 1, max_length = 200))]
    title: String,
    /// Anything else about it, in lines; without other control characters.
    #[oai(default, validator(max_length = 4000))]
    notes: String,
    /// Whether it is done.
    #[oai(default)]
    done: bool,
}

impl Example for TaskContent {
    fn example() -> Self {
        Self { title: "Rotate the demo secret".to_owned(), notes: String::new(), done: false }
    }
}

impl TryFrom<TaskContent> for Content {
    type Error = Problem;

    fn try_from(content: TaskContent) -> Result<Self, Problem> {
        let TaskContent { title, notes, done } = content;
        Ok(Self { title: parse_title(&title)?, notes: parse_notes(notes)?, done })
    }
}

/// What of a task changes. What is left out or `null` stays.
#[derive(Object)]
#[oai(example)]
struct TaskChange {
    /// What to do: not blank, without control characters. White space around it is dropped.
    #[oai(validator(min_length = 1, max_length = 200))]
    title: Option<String>,
    /// Anything else about it, in lines; without other control characters.
    #[oai(validator(max_length = 4000))]
    notes: Option<String>,
    /// Whether it is done.
    done: Option<bool>,
}

impl Example for TaskChange {
    fn example() -> Self {
        Self { title: None, notes: None, done: Some(true) }
    }
}

impl TryFrom<TaskChange> for Change {
    type Error = Problem;

    fn try_from(change: TaskChange) -> Result<Self, Problem> {
        let title = change.title.as_deref().map(parse_title).transpose()?;
        let notes = change.notes.map(parse_notes).transpose()?;
        Ok(Self { title, notes, done: change.done })
    }
}

fn parse_title(text: &str) -> Result<Title, Problem> {
    Title::parse(text).map_err(|cause| bad_text("title", cause))
}

fn parse_notes(text: String) -> Result<Notes, Problem> {
    Notes::parse(text).map_err(|cause| bad_text("notes", cause))
}

fn bad_text(field: &str, cause: TextError) -> Problem {
    Problem::new(problem::MALFORMED).field(field).detail(format!("`{field}` {cause}"))
}

/// The order of a list. A minus turns it around. Titles are compared in lower case, by code point.
#[derive(Enum, Clone, Copy)]
enum Sort {
    #[oai(rename = "created_at")]
    Created,
    #[oai(rename = "-created_at")]
    CreatedDescending,
    #[oai(rename = "updated_at")]
    Updated,
    #[oai(rename = "-updated_at")]
    UpdatedDescending,
    #[oai(rename = "title")]
    Title,
    #[oai(rename = "-title")]
    TitleDescending,
}

impl From<Sort> for Order {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Created => Self::Created,
            Sort::CreatedDescending => Self::CreatedDescending,
            Sort::Updated => Self::Updated,
            Sort::UpdatedDescending => Self::UpdatedDescending,
            Sort::Title => Self::Title,
            Sort::TitleDescending => Self::TitleDescending,
        }
    }
}

#[derive(ApiResponse)]
enum Created {
    /// The task was added.
    #[oai(status = 201)]
    Task(
        Json<Task>,
        /// The path of the new task.
        #[oai(header = "Location")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Deleted {
    /// The task is gone.
    #[oai(status = 204)]
    Done,
}

/// The query parameters that both lists have.
struct ListParameters {
    done: Option<bool>,
    q: Option<String>,
    sort: Option<Sort>,
    limit: Option<u64>,
    cursor: Option<String>,
}

impl TryFrom<ListParameters> for tasks::Query {
    type Error = Problem;

    fn try_from(listing: ListParameters) -> Result<Self, Problem> {
        let order = listing.sort.map_or_else(Order::default, Order::from);
        let cursor = listing.cursor.map(|cursor| Cursor::decode(&cursor, order)).transpose()?;
        let containing = listing.q.as_deref().map(FoldedTitle::parse).transpose();
        Ok(Self {
            done: listing.done,
            containing: containing.map_err(|cause| bad_text("q", cause))?,
            order,
            limit: listing.limit.unwrap_or(DEFAULT_PAGE_SIZE),
            cursor,
        })
    }
}

impl TasksApi {
    async fn page(&self, owner: &str, listing: ListParameters) -> Result<Json<PageResponse<Task>>, Problem> {
        let page = tasks::list(&self.app.db, owner, &listing.try_into()?).await?;
        Ok(Json(page.map(Task::from).into()))
    }
}

pub(super) fn no_such_task() -> Problem {
    Problem::new(problem::NOT_FOUND).detail("you have no task with this id")
}

pub(super) fn not_own_tasks() -> Problem {
    Problem::new(problem::FORBIDDEN).detail("you may list your own tasks only")
}

#[OpenApi(prefix_path = "/api", tag = "Tag::Tasks")]
impl TasksApi {
    /// List your tasks
    #[oai(path = "/tasks", method = "get", operation_id = "list_tasks")]
    async fn list(
        &self,
        token: Authorized<TasksRead>,
        /// Only open (`false`) or only done (`true`) tasks.
        done: Query<Option<bool>>,
        /// Only tasks whose title contains this, in any case.
        #[oai(validator(min_length = 1, max_length = 200))]
        q: Query<Option<String>>,
        /// The order. The newest first if left out.
        sort: Query<Option<Sort>>,
        /// How many tasks at most. 50 if left out.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u64>>,
        /// `next_cursor` from the page before.
        #[oai(validator(max_length = 2000))]
        cursor: Query<Option<String>>,
    ) -> Result<Json<PageResponse<Task>>, Problems<400, 401, 403, 503>> {
        let listing = ListParameters { done: done.0, q: q.0, sort: sort.0, limit: limit.0, cursor: cursor.0 };
        Ok(self.page(&token.sub, listing).await?)
    }

    /// Add a task
    #[oai(path = "/tasks", method = "post", operation_id = "create_task")]
    async fn create(
        &self,
        token: Authorized<TasksWrite>,
        content: Json<TaskContent>,
    ) -> Result<Created, Problems<400, 401, 403, 413, 415, 503>> {
        let task = tasks::create(&self.app, &token.sub, content.0.try_into()?).await?;
        let location = format!("/api/tasks/{}", task.id);
        Ok(Created::Task(Json(task.into()), location))
    }

    /// Read a task
    #[oai(path = "/tasks/:id", method = "get", operation_id = "read_task")]
    async fn read(
        &self,
        token: Authorized<TasksRead>,
        /// The identifier of the task.
        id: Path<Uuid>,
    ) -> Result<Json<Task>, Problems<400, 401, 403, 404, 503>> {
        let task = tasks::find(&self.app.db, &token.sub, id.0).await?;
        Ok(Json(task.ok_or_else(no_such_task)?.into()))
    }

    /// Replace a task
    #[oai(path = "/tasks/:id", method = "put", operation_id = "replace_task")]
    async fn replace(
        &self,
        token: Authorized<TasksWrite>,
        /// The identifier of the task.
        id: Path<Uuid>,
        content: Json<TaskContent>,
    ) -> Result<Json<Task>, Problems<400, 401, 403, 404, 413, 415, 503>> {
        let content = Content::try_from(content.0)?;
        let task = tasks::change(&self.app, &token.sub, id.0, content.into()).await?;
        Ok(Json(task.ok_or_else(no_such_task)?.into()))
    }

    /// Change parts of a task
    ///
    /// What is left out stays.
    #[oai(path = "/tasks/:id", method = "patch", operation_id = "change_task")]
    async fn change(
        &self,
        token: Authorized<TasksWrite>,
        /// The identifier of the task.
        id: Path<Uuid>,
        change: Json<TaskChange>,
    ) -> Result<Json<Task>, Problems<400, 401, 403, 404, 413, 415, 503>> {
        let task = tasks::change(&self.app, &token.sub, id.0, change.0.try_into()?).await?;
        Ok(Json(task.ok_or_else(no_such_task)?.into()))
    }

    /// Delete a task
    #[oai(path = "/tasks/:id", method = "delete", operation_id = "delete_task")]
    async fn delete(
        &self,
        token: Authorized<TasksWrite>,
        /// The identifier of the task.
        id: Path<Uuid>,
    ) -> Result<Deleted, Problems<400, 401, 403, 404, 503>> {
        if tasks::delete(&self.app, &token.sub, id.0).await? {
            Ok(Deleted::Done)
        } else {
            Err(no_such_task().into())
        }
    }

    /// List the tasks of a user
    ///
    /// Of nobody but yourself: every other `sub` gets 403.
    #[oai(path = "/users/:user_id/tasks", method = "get", operation_id = "list_user_tasks")]
    #[expect(clippy::too_many_arguments, reason = "one for each parameter of the query")]
    async fn list_of_user(
        &self,
        token: Authorized<TasksRead>,
        /// Your `sub`.
        user_id: Path<String>,
        /// Only open (`false`) or only done (`true`) tasks.
        done: Query<Option<bool>>,
        /// Only tasks whose title contains this, in any case.
        #[oai(validator(min_length = 1, max_length = 200))]
        q: Query<Option<String>>,
        /// The order. The newest first if left out.
        sort: Query<Option<Sort>>,
        /// How many tasks at most. 50 if left out.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u64>>,
        /// `next_cursor` from the page before.
        #[oai(validator(max_length = 2000))]
        cursor: Query<Option<String>>,
    ) -> Result<Json<PageResponse<Task>>, Problems<400, 401, 403, 503>> {
        // The same response for every other ID, so that it does not reveal which users exist.
        if user_id.0 != token.sub {
            return Err(not_own_tasks().into());
        }
        let listing = ListParameters { done: done.0, q: q.0, sort: sort.0, limit: limit.0, cursor: cursor.0 };
        Ok(self.page(&token.sub, listing).await?)
    }
}
