/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v2_farms: farms with their hosts. A farm of another source than ours is what
 * that source said when it was imported: it can be read, converted, deleted.
 */
#include "registry/http/v2.h"

#include <errno.h>

static const char *const but_hosts[] = { "hosts", NULL };

static bool is_local(const struct object *farm)
{
	return strcmp(object_text(farm, FARM_SOURCE), V2_LOCAL_SOURCE) == 0;
}

/* The farm of params[0] if it can be edited; NULL: *rp says why not. */
static struct object *find_local(struct call_edit *edit,
                                 const struct model_tx *tx, int *rp,
                                 struct err *err)
{
	struct object *farm = v2_find(edit, tx, KIND_FARM, 0, err);

	*rp = -ENOENT;
	if (!farm || is_local(farm))
		return farm;
	*rp = err_set(err, -EINVAL,
	              "its hosts come from %s; to edit it here, POST "
	              "/rest/v2/farms/%s/convert-to-local first",
	              object_text(farm, FARM_SOURCE), edit->params[0]);
	return NULL;
}

/* --- bodies ----------------------------------------------------------------- */

/* A host is a name, or {"name", "labels"}. */
static const struct json_t *host_name(const struct json_t *host)
{
	return json_is_map(host) ? json_get(host, "name") : host;
}

static bool is_host(const struct json_t *host)
{
	struct slice name = json_as_text(host_name(host));

	return name.n > 0 && check_host(name, NULL) == 0;
}

static void answer_invalid(struct registry_call *call,
                           const struct json_t *hosts)
{
	struct json_writer json;
	struct buf body;

	buf_init(&body, REGISTRY_ANSWER_MAX);
	json_write_init(&json, &body);
	json_write_object(&json);
	json_write_key(&json, "detail");
	json_write_string(&json, "Invalid hostnames.");
	json_write_key(&json, "extras");
	json_write_object(&json);
	json_write_key(&json, "invalid_hosts");
	json_write_array(&json);
	for (size_t i = 0; i < json_count(hosts); i++) {
		const struct json_t *host = json_item(hosts, i);
		struct slice name = json_as_text(host_name(host));

		if (!is_host(host))
			json_write_slice(&json, name.p ? name : slice_from(""));
	}
	json_write_array_end(&json);
	json_write_object_end(&json);
	json_write_object_end(&json);
	call_answer(call, 400, &body);
}

/* All of them, or none. False: answered. */
static bool check_hosts(struct registry_call *call, const struct json_t *hosts)
{
	if (!json_is_missing(hosts) && !json_is_list(hosts)) {
		call_refuse_field(call, 400, "hosts",
		                  "must be a list of names");
		return false;
	}
	for (size_t i = 0; i < json_count(hosts); i++) {
		if (is_host(json_item(hosts, i)))
			continue;
		answer_invalid(call, hosts);
		return false;
	}
	return true;
}

static int add_host(struct call_edit *edit, struct model_tx *tx,
                    struct object *farm, const struct json_t *host,
                    struct err *err)
{
	struct assignment more[] = {
		{ HOST_FARM, { .object = farm } },
		{ HOST_NAME, { .text = json_as_string(host_name(host)) } },
	};
	union value key[] = { more[1].value, more[0].value };
	bool is_map = json_is_map(host);
	struct object *made;
	int r;

	if (!is_map && model_find_key(model_of(tx), KIND_HOST, 0, key))
		return 0;
	r = v2_make(edit, tx, KIND_HOST, is_map ? host : NULL, NULL, more,
	            ARRAY_SIZE(more), &made, err);
	if (r < 0)
		edit->field = "hosts";
	return r;
}

static int add_hosts(struct call_edit *edit, struct model_tx *tx,
                     struct object *farm, struct err *err)
{
	const struct json_t *hosts = json_get(edit->body, "hosts");
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_count(hosts); i++)
		r = add_host(edit, tx, farm, json_item(hosts, i), err);
	return r;
}

/* --- farms ------------------------------------------------------------------ */

static int apply_create(struct call_edit *edit, struct model_tx *tx,
                        struct err *err)
{
	struct object *project = v2_find(edit, tx, KIND_PROJECT, 0, err);
	struct assignment more = { FARM_PROJECT, { .object = project } };
	int r;

	if (!project)
		return -ENOENT;
	r = v2_make(edit, tx, KIND_FARM, edit->body, but_hosts, &more, 1,
	            &edit->edited, err);
	return r < 0 ? r : add_hosts(edit, tx, edit->edited, err);
}

static int apply_put(struct call_edit *edit, struct model_tx *tx,
                     struct err *err)
{
	int r;
	struct object *farm = find_local(edit, tx, &r, err);

	return farm ? v2_change(edit, tx, farm, true, err) : r;
}

static int apply_patch(struct call_edit *edit, struct model_tx *tx,
                       struct err *err)
{
	int r;
	struct object *farm = find_local(edit, tx, &r, err);

	return farm ? v2_change(edit, tx, farm, false, err) : r;
}

static void edit_body(struct registry_call *call,
                      int (*apply)(struct call_edit *edit, struct model_tx *tx,
                                   struct err *err))
{
	struct call_edit edit = { .apply = apply,
		                  .write = v2_write_edited,
		                  .exists_status = 400 };

	edit.body = call_body(call);
	if (edit.body && check_hosts(call, json_get(edit.body, "hosts")))
		call_edit(call, &edit);
	else
		json_free(edit.body);
}

void v2_farm_create(struct registry_call *call)
{
	edit_body(call, apply_create);
}

void v2_farm_put(struct registry_call *call)
{
	edit_body(call, apply_put);
}

void v2_farm_patch(struct registry_call *call)
{
	edit_body(call, apply_patch);
}

/* --- hosts ------------------------------------------------------------------ */

static int apply_hosts(struct call_edit *edit, struct model_tx *tx,
                       struct err *err)
{
	int r;
	struct object *farm = find_local(edit, tx, &r, err);

	edit->edited = farm;
	return farm ? add_hosts(edit, tx, farm, err) : r;
}

/* Those that were named, new or not. */
static void write_hosts(struct call_edit *edit, struct model_tx *tx,
                        struct json_writer *json)
{
	const struct json_t *hosts = json_get(edit->body, "hosts");
	struct registry_viewer viewer = call_edit_viewer(edit);

	json_write_array(json);
	for (size_t i = 0; i < json_count(hosts); i++) {
		const char *name =
			json_as_string(host_name(json_item(hosts, i)));
		union value key[] = { { .text = name },
			              { .object = edit->edited } };
		struct object *host =
			model_find_key(model_of(tx), KIND_HOST, 0, key);

		if (host)
			v2_write(json, &viewer, host);
	}
	json_write_array_end(json);
}

void v2_farm_hosts_create(struct registry_call *call)
{
	struct call_edit edit = { .apply = apply_hosts,
		                  .write = write_hosts,
		                  .exists_status = 400 };
	const struct json_t *hosts;

	edit.body = call_body(call);
	if (!edit.body)
		return;
	hosts = json_get(edit.body, "hosts");
	if (json_count(hosts) == 0)
		call_refuse_field(call, 400, "hosts",
		                  "must be a list of names, one at least");
	else if (check_hosts(call, hosts)) {
		call_edit(call, &edit);
		return;
	}
	json_free(edit.body);
}

static int apply_host_delete(struct call_edit *edit, struct model_tx *tx,
                             struct err *err)
{
	int r;
	struct object *farm = find_local(edit, tx, &r, err);
	struct object *host;

	if (!farm)
		return r;
	host = v2_find(edit, tx, KIND_HOST, 1, err);
	if (!host)
		return -ENOENT;
	if (object_ref(host, HOST_FARM) != farm)
		return err_set(err, -ENOENT, "farm %s has no host %s",
		               edit->params[0], edit->params[1]);
	return model_delete(tx, host, err);
}

void v2_farm_host_delete(struct registry_call *call)
{
	call_edit(call, &(struct call_edit){ .apply = apply_host_delete });
}

/* --- sources ---------------------------------------------------------------- */

static int apply_convert(struct call_edit *edit, struct model_tx *tx,
                         struct err *err)
{
	struct assignment local = { FARM_SOURCE, { .text = V2_LOCAL_SOURCE } };

	edit->edited = v2_find(edit, tx, KIND_FARM, 0, err);
	return edit->edited ? model_update(tx, edit->edited, &local, 1, err)
	                    : -ENOENT;
}

void v2_farm_convert(struct registry_call *call)
{
	call_edit(call, &(struct call_edit){ .apply = apply_convert,
	                                     .write = v2_write_edited });
}

void v2_farm_sync(struct registry_call *call)
{
	const struct object *farm = call_object(call, KIND_FARM, 0);

	if (!farm)
		return;
	if (is_local(farm))
		call_refuse(call, 400,
		            "its hosts are kept here: there is nothing to "
		            "fetch them from");
	else
		call_refuse(call, 400,
		            "%s cannot be asked from here; import its hosts, "
		            "or POST /rest/v2/farms/%s/convert-to-local",
		            object_text(farm, FARM_SOURCE), call->params[0]);
}

static void answer_list(struct registry_call *call, const char *item)
{
	struct json_writer json;
	struct buf body;

	buf_init(&body, REGISTRY_ANSWER_MAX);
	json_write_init(&json, &body);
	json_write_array(&json);
	if (item)
		json_write_string(&json, item);
	json_write_array_end(&json);
	call_answer(call, 200, &body);
}

void v2_farm_sources(struct registry_call *call)
{
	answer_list(call, V2_LOCAL_SOURCE);
}

void v2_farm_remotes(struct registry_call *call)
{
	if (strcmp(call->params[0], V2_LOCAL_SOURCE) == 0)
		answer_list(call, NULL);
	else
		call_refuse(call, 404, "there is no source %s",
		            call->params[0]);
}
