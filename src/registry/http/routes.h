/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes: the registry's paths. One table for each file of this directory says
 * method, path, who may ask, and what the reference at /docs tells of it; the
 * OpenAPI document is made from these tables and the table of kinds.
 */
#pragma once

#include "io/http_server.h"
#include "proto/json.h"
#include "registry/registry.h"

#define REGISTRY_ANSWER_MAX 67108864 /* bytes of an answer, at most */

struct registry_http; /* what the routes keep between requests */

struct registry_call {
	struct registry_http *http;
	struct registry *registry;
	struct http_exchange *exchange;
	const struct registry_route *route;
	/* What stands in the path's {braces}, decoded. */
	const char *params[3];
	const char *actor; /* borrowed until the handler returned: copy it */
	bool control;      /* it came over the control socket */
};

/* What a body must be, or what an answer is: a name in the OpenAPI document's
 * components. */
struct registry_route {
	const char *method;  /* "GET"; HEAD follows it */
	const char *pattern; /* "/rest/v2/projects/{id}/exporters"; one
	                        parameter is one part of the path; a '/' at the
	                        end is as good as none */
	enum registry_scope scope;
	/* NULL: the daemon does (api/routes.c); it is here for the reference. */
	void (*handle)(struct registry_call *call);
	/* For the reference. */
	const char *tag;     /* "Targets" */
	const char *summary; /* one line */
	const char *query;   /* "name,shard,page_number": of registry_params */
	const char *body;    /* the schema of the request; NULL: none */
	const char *answer;  /* the schema of a 2xx; a '[]' at its end: a list,
	                        '{}': a page of them; NULL: no body */
	uint16_t status;     /* of success */
};

struct registry_routes {
	const struct registry_route *rows;
	size_t n;
};

/* A table per file. */
extern const struct registry_routes registry_routes_sd;      /* sd.c */
extern const struct registry_routes registry_routes_v1;      /* v1.c */
extern const struct registry_routes registry_routes_v2;      /* v2*.c */
extern const struct registry_routes registry_routes_prommgr; /* prommgr.c */
extern const struct registry_routes registry_routes_workers; /* workers.c */
extern const struct registry_routes registry_routes_bulk;    /* bulk.c */
extern const struct registry_routes registry_routes_alerts;  /* alerts.c */
extern const struct registry_routes registry_routes_logs;    /* logs.c */
extern const struct registry_routes registry_routes_backup;  /* backup.c */
extern const struct registry_routes registry_routes_docs;    /* docs.c */

/* All of them that there are, for the reference; NULL at the end. */
extern const struct registry_routes *const registry_tables[];

struct registry_http *registry_http_new(struct registry *registry) MUST_CHECK;
/* Streams end; edits under way are answered when they are done, which is waited
 * for; @closed once, from the loop. */
void registry_http_close(struct registry_http *http,
                         void (*closed)(void *context), void *context);

/*
 * What a file of this directory keeps between requests, if it keeps anything:
 * made at the first request that needs it, and added. @key is the address of
 * something of that file. At the close each is asked to end, and says so with
 * registry_http_part_closed(), then or later; its memory is its own.
 */
struct registry_http_part {
	const void *key;
	void (*close)(struct registry_http_part *part);
	/* private */
	struct registry_http *http;
	struct list node;
};
void registry_http_part_add(struct registry_http *http,
                            struct registry_http_part *part);
struct registry_http_part *registry_http_part_find(
	const struct registry_http *http, const void *key);
void registry_http_part_closed(struct registry_http_part *part);

/* The hook of api/routes.c: true if the path is the registry's: it is, or will
 * be, answered. */
bool registry_http_handle(struct registry_http *http,
                          struct http_exchange *exchange, bool control);

/* --- what the handlers share (answer.c) ------------------------------------ */

/* Who is shown objects: of their secrets what they might read elsewhere, too. */
struct registry_viewer {
	struct registry *registry; /* NULL: inside an edit, where nothing but
	                              the model can be asked */
	enum registry_scope reach;
};
struct registry_viewer call_viewer(const struct registry_call *call);

/* {"detail":"…"}; or of a field {"FIELD":["…"]}. */
void call_refuse(struct registry_call *call, uint16_t status,
                 const char *format, ...) PRINTF_LIKE(3, 4);
void call_refuse_field(struct registry_call *call, uint16_t status,
                       const char *field, const char *message);
/* Takes @body over; application/json. 204 has none. */
void call_answer(struct registry_call *call, uint16_t status, struct buf *body);
/* The body as a JSON object (json_free()); NULL: it has been answered 400. */
struct json_t *call_body(struct registry_call *call) MUST_CHECK;
/* The object of that kind whose id is in params[@nth]; NULL: answered 404. */
struct object *call_object(struct registry_call *call, enum kind kind,
                           unsigned nth) MUST_CHECK;
/* The value of a query parameter, decoded, into @out; false: it is absent (or,
 * with *badp, cannot be used and has been answered 400). */
bool call_query(struct registry_call *call, const char *name, char *out,
                size_t size, bool *badp);

/* A flag of the query; what is absent leaves *@flagp as it is. False: it has
 * been answered 400. */
bool call_flag(struct registry_call *call, const char *name,
               bool *flagp) MUST_CHECK;

/* What of a call may be kept until it is answered: without its params and its
 * actor, which are borrowed. */
struct registry_call call_kept(const struct registry_call *call);
/* We could not do it: 500 of -ENOMEM, else 503. */
void call_fail(struct registry_call *call, int code, const char *words);

/*
 * call_edit() - an edit whose end answers the call
 * @apply: as of struct registry_edit; @state is what was given, and released by
 *         @release exactly once (may be NULL)
 * @write: appends the answer's body; called when apply() has run and before the
 *         transaction ends, with the object that apply() left in
 *         *edited (or NULL: no body)
 *
 * Success is answered with route->status, failures as the outcome says. With
 * ?dry_run=true (a route that edits has it in its `query`) nothing is kept, and
 * the answer is 200 {"dry_run":true,"changes":[{"op","kind","id","title","old",
 * "new"}]}.
 */
struct call_edit {
	int (*apply)(struct call_edit *edit, struct model_tx *tx,
	             struct err *err);
	void (*write)(struct call_edit *edit, struct model_tx *tx,
	              struct json_writer *json);
	void (*release)(struct call_edit *edit);
	void *state;
	struct object *edited;
	uint16_t status;         /* 0: the route's */
	const char *params[3];   /* copies of the call's */
	struct json_t *body;     /* the request's, freed with the edit; NULL */
	uint16_t exists_status;  /* of -EEXIST; 0: 409 */
	const char *exists_body; /* … and the whole answer; NULL: words */
	const char *field;       /* set by a failing apply(): which is wrong */
	enum registry_scope reach; /* of who asks; set by call_edit() */
	bool dry_run;
	bool plans; /* write() tells what would change, in a dry run, too */
	const char *text; /* of success, instead of what was written; NULL */
};
/* Copies @edit; on failure answers itself, and has released what it took. */
void call_edit(struct registry_call *call, const struct call_edit *edit);
/* For write(). */
struct registry_viewer call_edit_viewer(const struct call_edit *edit);

/* A document as it lies in memory, of the shard that the path's first parameter
 * or the query names, else of all; compressed, or 304, as the client can take
 * it (sd.c). */
void sd_answer(struct registry_call *call, enum document_kind kind,
               const char *content_type);

/* A document is lent to the answer: compressed, or 304, as the client can take
 * it. @more: headers of up to 128 bytes, as whole lines; or "" (sd.c). */
void call_document(struct registry_call *call, struct document *document,
                   const char *content_type, const char *more);

/* Appends where we are reached, as the configuration or the request says:
 * http://registry:8080; nothing if neither does. */
void call_origin(const struct registry_call *call, struct buf *out);

/* Which objects are listed, by their ids. */
struct call_list {
	enum kind kind;
	const struct object *owner; /* those whose `field` it is; NULL: all */
	unsigned field;
	bool (*keep)(const struct object *object, void *context); /* NULL: each
	                                                             of them */
	void (*write)(struct json_writer *json, const struct object *object,
	              void *context);
	void *context;
};
/* A page of them: {"count":N,"next":URL|null,"previous":URL|null,
 * "results":[…]}; page_number and page_size of the query (1 and 10; 1000 at
 * most, more is cut to that). A page that there is not: 404. */
void call_page(struct registry_call *call, const struct call_list *list);

/*
 * call_rows() - a page, as above, of rows of the database
 * @count: "SELECT count(*) …"
 * @rows: "SELECT …"; the two parameters that follow @values are how many are
 *        wanted, and how many are passed over
 * @values: the parameters of both
 * @write: appends one row as JSON
 *
 * All is copied. Answers itself, later.
 */
#define CALL_ROWS_SQL_MAX    2048 /* bytes of a query */
#define CALL_ROWS_VALUES_MAX 14
void call_rows(struct registry_call *call, const char *count, const char *rows,
               const struct store_value *values, size_t n,
               void (*write)(struct json_writer *json,
                             const struct store_read *read, size_t row));
