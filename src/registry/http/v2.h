/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v2: what the files of Promgen's second API share. The kind of object is read
 * from the pattern of the route: /rest/v2/KINDS/{id}/KINDS.
 */
#pragma once

#include "registry/http/routes.h"
#include "registry/model/assign.h"

/* What Promgen calls the only source that it can edit itself. */
#define V2_LOCAL_SOURCE "promgen"

/* --- looking (v2_read.c, v2_view.c) ---------------------------------------- */

/* An object whole, as it is answered alone, and as it is in a list. Where a
 * notifier tells is shown to those who may change it, and how we log in to a
 * server to those who may do all. */
void v2_write(struct json_writer *json, const struct registry_viewer *viewer,
              const struct object *object);
void v2_write_row(struct json_writer *json,
                  const struct registry_viewer *viewer,
                  const struct object *object);
/* One field as a member. Secrets are masked. */
void v2_write_field(struct json_writer *json, const struct object *object,
                    unsigned field);
/* Members that tell of an object, and are not its fields: who sends them back
 * changes nothing. NULL at the end; NULL: there are none. */
const char *const *v2_told_members(enum kind kind);

void v2_list(struct registry_call *call);
void v2_get(struct registry_call *call);
void v2_rule_link(struct registry_call *call);
/* Those whose @field is the object of params[0], as a page. */
void v2_list_under(struct registry_call *call);

/* The part of a pattern: 0 is "rest". p is NULL behind the last. */
struct slice v2_part(const char *pattern, unsigned nth);
/* The kind of "/rest/v2/KINDS", and (@nth 4) of "/rest/v2/x/{id}/KINDS". */
enum kind v2_kind(const struct registry_call *call, unsigned nth);

/* --- editing (v2_edit.c) --------------------------------------------------- */

/* Of /KINDS, /KINDS/{id}, and the same under an owner: /OWNERS/{id}/KINDS. */
void v2_create(struct registry_call *call);
void v2_put(struct registry_call *call);
void v2_patch(struct registry_call *call);
void v2_delete(struct registry_call *call);

/* The field of @kind that says whose it is; there must be one. */
unsigned v2_owner_field(enum kind kind, enum kind owner);

/* For apply(): the object whose id is in params[@nth]. NULL: -ENOENT. */
struct object *v2_find(struct call_edit *edit, const struct model_tx *tx,
                       enum kind kind, unsigned nth, struct err *err);

/*
 * v2_make() - what a POST makes
 * @body: its members, but those named in @but (ended by NULL; may be NULL) and
 *        what @more assigns
 *
 * What there is already, with all that was given, is left as it is and
 * answered as if it were new. Codes as of model_create().
 */
int v2_make(struct call_edit *edit, struct model_tx *tx, enum kind kind,
            const struct json_t *body, const char *const *but,
            const struct assignment *more, size_t n_more,
            struct object **objectp, struct err *err) MUST_CHECK;

/*
 * v2_change() - what PUT (@whole) and PATCH do to an object
 *
 * Members that stand there as GET answers them change nothing, also those that
 * cannot be changed, so that what was read can be sent back. PUT needs what is
 * required, and what it leaves out becomes what it would be in a new object.
 */
int v2_change(struct call_edit *edit, struct model_tx *tx,
              struct object *object, bool whole, struct err *err) MUST_CHECK;

/* write() of an edit: the object that it left. */
void v2_write_edited(struct call_edit *edit, struct model_tx *tx,
                     struct json_writer *json);

/* --- what is not as the rest ------------------------------------------------ */

void v2_farm_create(struct registry_call *call); /* v2_farms.c */
void v2_farm_put(struct registry_call *call);
void v2_farm_patch(struct registry_call *call);
void v2_farm_hosts_create(struct registry_call *call);
void v2_farm_host_delete(struct registry_call *call);
void v2_farm_sync(struct registry_call *call);
void v2_farm_convert(struct registry_call *call);
void v2_farm_sources(struct registry_call *call);
void v2_farm_remotes(struct registry_call *call);

/* There is one site; false: it is not the one of params[0], and answered. */
bool v2_is_site(struct registry_call *call); /* v2_rules.c */
void v2_site_info(struct registry_call *call);
void v2_site_rule(struct registry_call *call);
void v2_rule_override(struct registry_call *call);

void v2_notifier_create(struct registry_call *call); /* v2_notifiers.c */
void v2_site_notifier(struct registry_call *call);
void v2_filter_create(struct registry_call *call);

void v2_node_create(struct registry_call *call); /* v2_nodes.c */
void v2_node_delete(struct registry_call *call);

void v2_token_create(struct registry_call *call); /* v2_tokens.c */
void v2_me(struct registry_call *call);
