/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/rule_macro.h"

#include <errno.h>
#include <stdlib.h>
#include "base/mem.h"

#define MACRO     "<exclude>"
#define MAX_DEPTH 8 /* of overrides; the words allow three */

struct names {
	const char **items;
	size_t n, cap;
};

struct excluded {
	struct names projects, services;
};

static int names_add(struct names *names, const char *name)
{
	if (names->n == names->cap) {
		size_t cap = names->cap ? 2 * names->cap : 8;
		const char **items =
			mem_realloc(names->items, cap * sizeof(*names->items));

		if (!items)
			return -ENOMEM;
		names->items = items;
		names->cap = cap;
	}
	names->items[names->n++] = name;
	return 0;
}

static int excluded_add(struct excluded *excluded, const struct object *rule)
{
	const struct object *project = object_ref(rule, RULE_PROJECT);
	const struct object *service = object_ref(rule, RULE_SERVICE);

	if (project)
		return names_add(&excluded->projects,
		                 object_text(project, PROJECT_NAME));
	if (service)
		return names_add(&excluded->services,
		                 object_text(service, SERVICE_NAME));
	return 0;
}

static int collect(struct excluded *excluded, const struct object *rule,
                   unsigned depth)
{
	int r = 0;

	if (depth == MAX_DEPTH)
		return 0;
	for (const struct object *child =
	             object_child(rule, KIND_RULE, RULE_PARENT, NULL);
	     child && r == 0;
	     child = object_child(rule, KIND_RULE, RULE_PARENT, child)) {
		r = object_number(child, RULE_ENABLED)
		            ? excluded_add(excluded, child)
		            : collect(excluded, child, depth + 1);
	}
	return r;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* As Go's regexp.QuoteMeta(), within a PromQL string. */
static void write_name(struct buf *out, const char *name)
{
	for (; *name; name++) {
		if (strchr("\\.+*?()|[]{}^$", *name))
			(void)buf_puts(out, *name == '\\' ? "\\\\\\" : "\\\\");
		else if (*name == '"')
			(void)buf_putc(out, '\\');
		(void)buf_putc(out, *name);
	}
}

static void write_matcher(struct buf *out, const char *label,
                          struct names *names, bool *some)
{
	if (names->n == 0)
		return;
	qsort(names->items, names->n, sizeof(*names->items), compare_names);
	(void)buf_printf(out, "%s%s!~\"", *some ? "," : "", label);
	*some = true;
	for (size_t i = 0; i < names->n; i++) {
		if (i && strcmp(names->items[i - 1], names->items[i]) == 0)
			continue;
		if (i)
			(void)buf_putc(out, '|');
		write_name(out, names->items[i]);
	}
	(void)buf_putc(out, '"');
}

/* A comma cannot stand alone in PromQL. */
static const char *skip_comma(const char *at)
{
	const char *comma = at + strspn(at, " \t\n");

	return *comma == ',' ? comma + 1 : at;
}

static void expand(const char *clause, struct excluded *excluded,
                   struct buf *out)
{
	const char *macro;

	while ((macro = strstr(clause, MACRO))) {
		bool some = false;

		(void)buf_append(out, clause, (size_t)(macro - clause));
		clause = macro + strlen(MACRO);
		write_matcher(out, "project", &excluded->projects, &some);
		write_matcher(out, "service", &excluded->services, &some);
		if (!some)
			clause = skip_comma(clause);
	}
	(void)buf_puts(out, clause);
}

int rule_macro_expand(const struct object *rule, struct buf *out)
{
	const char *clause = object_text(rule, RULE_CLAUSE);
	struct excluded excluded = { 0 };
	int r = 0;

	if (strstr(clause, MACRO))
		r = collect(&excluded, rule, 0);
	if (r == 0) {
		expand(clause, &excluded, out);
		r = out->failed;
	}
	mem_free(excluded.projects.items);
	mem_free(excluded.services.items);
	return r;
}

/* --- names in front of it ------------------------------------------------- */

/* Behind NAME="…", of which the name is that; NULL: that does not stand there. */
static const char *skip_matcher(const char *at, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(at, name, n) != 0 || strncmp(at + n, "=\"", 2) != 0)
		return NULL;
	at = strchr(at + n + 2, '"');
	return at && at[1] == ',' ? at + 2 : NULL;
}

static bool leads_to_macro(const char *at)
{
	const char *next = at;

	while (next) {
		at = next;
		next = skip_matcher(at, "service");
		if (!next)
			next = skip_matcher(at, "project");
	}
	return strncmp(at, MACRO, strlen(MACRO)) == 0;
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == ':';
}

/* The next LABEL="FROM", that stands where it may be changed; NULL. */
static const char *find_named(const char *clause, const char *at,
                              const char *label, const char *from)
{
	size_t n = strlen(from);

	for (; (at = strstr(at, label)); at++) {
		const char *end = skip_matcher(at, label);
		const char *value = at + strlen(label) + 2;

		if (end && (size_t)(end - 2 - value) == n &&
		    memcmp(value, from, n) == 0 &&
		    (at == clause || !is_name_char(at[-1])) &&
		    leads_to_macro(end))
			return at;
	}
	return NULL;
}

bool rule_macro_rename(const char *clause, const char *label, const char *from,
                       const char *to, struct buf *out)
{
	const char *at = find_named(clause, clause, label, from);
	const char *rest = clause;

	if (!at || strcmp(from, to) == 0)
		return false;
	for (; at; at = find_named(clause, rest, label, from)) {
		(void)buf_append(out, rest, (size_t)(at - rest));
		(void)buf_printf(out, "%s=\"%s\",", label, to);
		rest = skip_matcher(at, label);
	}
	(void)buf_puts(out, rest);
	return true;
}
