/* SPDX-License-Identifier: Apache-2.0 */
/* The section `registry`: where it is kept, and who may ask for what. */
#include "config/resolve.h"

#include <errno.h>
#include <stdio.h>
#include "base/text.h"
#include "config/yaml_tree.h"
#include "proto/url.h"

#define DAY_MS           UINT64_C(86400000)
#define NAME_MAX_BYTES   128
#define PATH_MAX_BYTES   1024
#define FILE_NAME        "registry.db"
#define MAX_KEPT_ALERTS  10000000
#define KEEP_AT_LEAST_MS UINT64_C(60000)

static const struct config_registry defaults = {
	.site = "global",
	.external_url = "",
	.keep_alerts_ms = 30 * DAY_MS,
	.max_alerts = 100000,
	.keep_audit_ms = 365 * DAY_MS,
};

/* --- tokens ----------------------------------------------------------------- */

static void read_name(struct resolve *resolve, const struct reader *reader,
                      const char *text, const struct config_registry_token *all,
                      struct config_registry_token *token)
{
	struct slice name = slice_from(text);

	if (!read_required(reader, "name", text))
		return;
	if (name.n == 0 || name.n > NAME_MAX_BYTES || !text_is_printable(name))
		reader_value(reader, "name", text,
		             "is not a name of 1 to %d bytes", NAME_MAX_BYTES);
	for (const struct config_registry_token *other = all; other < token;
	     other++) {
		if (text_equal(other->name, text))
			reader_value(reader, "name", text,
			             "is the name of tokens[%zu] already",
			             (size_t)(other - all));
	}
	token->name = resolve_text(resolve, text);
}

static void read_token(struct resolve *resolve,
                       const struct raw_registry_token *raw,
                       const struct place *place,
                       const struct config_registry_token *all,
                       struct config_registry_token *token)
{
	static const char *const scopes[] = { "read", "write", "admin",
		                              "alerts" };
	struct reader reader = { .problems = resolve->problems,
		                 .place = place };
	unsigned scope = 0;

	read_name(resolve, &reader, raw->name, all, token);
	if (read_required(&reader, "scope", raw->scope) &&
	    read_word(&reader, "scope", raw->scope, scopes, ARRAY_SIZE(scopes),
	              &scope))
		token->scope = scopes[scope];
	if (read_required(&reader, "token_file", raw->token_file))
		token->file = resolve_file(resolve, &reader, "token_file",
		                           raw->token_file);
}

static void read_tokens(struct resolve *resolve, const struct reader *reader,
                        const struct raw_registry *raw)
{
	struct place list = reader_place(reader, "tokens");
	struct config_registry_token *tokens;

	if (raw->n_tokens == 0)
		return;
	tokens = arena_calloc(resolve->memory, raw->n_tokens, sizeof(*tokens));
	if (!tokens) {
		resolve->failed = -ENOMEM;
		return;
	}
	list.node = place_node(&list);
	for (size_t i = 0; i < raw->n_tokens && resolve->failed == 0; i++) {
		struct place place = { .up = &list, .index = i };

		if (place_left_out(&place))
			continue;
		place.node = place_node(&place);
		read_token(resolve, &raw->tokens[i], &place, tokens,
		           &tokens[i]);
	}
	resolve->registry.tokens = tokens;
	resolve->registry.n_tokens = raw->n_tokens;
}

/* --- alerts of which nobody is told ------------------------------------------- */

/* A list of sets of labels: any names, so it is read from the tree. */
static void read_drop_alerts(struct resolve *resolve,
                             const struct reader *reader)
{
	struct place list = reader_place(reader, "drop_alerts");
	const struct yaml_node *node =
		place_find(&list) ? place_node(&list) : NULL;
	const char **kept;

	if (!node)
		return;
	list.node = node;
	if (node->kind != YAML_SEQUENCE || node->n > CONFIG_MAX_DROP_ALERTS) {
		problem_at(resolve->problems, &list,
		           "expected a list of at most %d; write it as "
		           "[{severity: \"=~debug|blackhole\"}]",
		           CONFIG_MAX_DROP_ALERTS);
		return;
	}
	kept = arena_calloc(resolve->memory, node->n + 1, sizeof(*kept));
	if (!kept)
		resolve->failed = -ENOMEM;
	for (size_t i = 0; i < node->n && resolve->failed == 0; i++) {
		struct place place = { .up = &list, .index = i };

		kept[i] = resolve_matchers(resolve, &place);
	}
	resolve->registry.drop_alerts = kept;
	resolve->registry.n_drop_alerts = node->n;
}

/* --- the rest --------------------------------------------------------------- */

static void read_path(struct resolve *resolve, const struct reader *reader,
                      const char *text)
{
	const char *dir = resolve->global.state_dir;
	char path[PATH_MAX_BYTES];

	if (text && strlen(text) >= sizeof(path))
		reader_problem(reader, "path", "is longer than %zu bytes",
		               sizeof(path) - 1);
	if (text || !resolve->registry.enabled) {
		resolve->registry.path =
			resolve_file(resolve, reader, "path", text);
		return;
	}
	if (!dir) {
		reader_problem(reader, "path",
		               "is missing; state_dir is none, so name the "
		               "file of the database");
		return;
	}
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, FILE_NAME) >=
	    sizeof(path))
		reader_problem(reader, "path",
		               "is missing, and state_dir is too long for it");
	else
		resolve->registry.path = resolve_text(resolve, path);
}

static void read_site(struct resolve *resolve, const struct reader *reader,
                      const char *text)
{
	struct slice site = slice_from(text);

	if (!text)
		return;
	if (site.n == 0 || site.n > NAME_MAX_BYTES || !text_is_printable(site))
		reader_value(reader, "site", text,
		             "is not a name of 1 to %d bytes", NAME_MAX_BYTES);
	else
		resolve->registry.site = resolve_text(resolve, text);
}

static void read_external_url(struct resolve *resolve,
                              const struct reader *reader, const char *text)
{
	struct slice left = slice_from(text);
	char kept[PATH_MAX_BYTES];
	struct url url;

	if (left.n == 0)
		return;
	while (left.n && left.p[left.n - 1] == '/')
		left.n--;
	if (left.n >= sizeof(kept) || url_parse(left, 80, &url, NULL) < 0 ||
	    url.scheme == URL_UNIX || url.user.n ||
	    memchr(left.p, '?', left.n)) {
		reader_value(reader, "external_url", text,
		             "is not a URL; write it like "
		             "https://registry.example.com, without user and "
		             "query");
		return;
	}
	(void)snprintf(kept, sizeof(kept), SLICE_FMT, SLICE_ARG(left));
	resolve->registry.external_url = resolve_text(resolve, kept);
}

static const char *promtool_of(struct resolve *resolve,
                               const struct raw_registry *raw)
{
	return raw->promtool && slice_is(slice_from(raw->promtool), "none")
	               ? ""
	               : resolve_text(resolve, raw->promtool);
}

static bool is_ordered(const struct resolve *resolve)
{
	for (size_t i = 0; i < resolve->n_overrides; i++) {
		if (text_equal(resolve->overrides[i].key,
		               CONFIG_REGISTRY_ENABLED))
			return true;
	}
	return false;
}

static void read_keys(struct resolve *resolve, const struct reader *reader,
                      const struct raw_registry *raw)
{
	struct config_registry *registry = &resolve->registry;

	read_path(resolve, reader, raw->path);
	registry->promtool = promtool_of(resolve, raw);
	read_site(resolve, reader, raw->site);
	read_external_url(resolve, reader, raw->external_url);
	(void)read_bool(reader, "open_discovery", raw->open_discovery,
	                &registry->open_discovery);
	(void)read_duration(reader, "keep_alerts", raw->keep_alerts,
	                    KEEP_AT_LEAST_MS, &registry->keep_alerts_ms);
	(void)read_number(reader, "max_alerts", raw->max_alerts, 1,
	                  MAX_KEPT_ALERTS, &registry->max_alerts);
	(void)read_duration(reader, "keep_audit", raw->keep_audit,
	                    KEEP_AT_LEAST_MS, &registry->keep_audit_ms);
	read_drop_alerts(resolve, reader);
	read_tokens(resolve, reader, raw);
}

void resolve_registry(struct resolve *resolve, const struct raw_registry *raw)
{
	struct config_registry *registry = &resolve->registry;
	struct place place = { .up = &resolve->root, .key = "registry" };
	struct reader reader = { .problems = resolve->problems,
		                 .place = &place };
	bool is_there = place_find(&place) && !place_left_out(&place);

	*registry = defaults;
	if (!is_there && !is_ordered(resolve))
		return;
	if (!BOUNCER_REGISTRY) {
		problem_at(resolve->problems, &place,
		           "this program was built without the registry");
		return;
	}
	registry->enabled = true;
	(void)read_bool(&reader, "enabled", raw->enabled, &registry->enabled);
	registry->enabled = registry->enabled || is_ordered(resolve);
	read_keys(resolve, &reader, raw);
}
