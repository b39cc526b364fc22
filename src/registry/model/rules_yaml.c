/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/rules_yaml.h"

#include <errno.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/text.h"
#include "registry/model/rule_macro.h"

/* --- text ----------------------------------------------------------------- */

static uint32_t code_point(const char *p, size_t n)
{
	uint32_t code = (unsigned char)p[0];

	if (n > 1)
		code &= 0xffu >> (n + 1);
	for (size_t i = 1; i < n; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3fu);
	return code;
}

/* What a reader takes as it is: printable, and neither a break of lines nor a
 * byte order mark. YAML 1.1 is stricter than 1.2 here; both are read. */
static bool is_plain(uint32_t code)
{
	if (code < 0xa0)
		return code >= 0x20 && code < 0x7f && code != '"' &&
		       code != '\\';
	return code != 0x2028 && code != 0x2029 && code != 0xfeff &&
	       code != 0xfffe && code != 0xffff;
}

static void write_escape(struct buf *out, uint32_t code)
{
	switch (code) {
	case '"':
	case '\\':
		(void)buf_printf(out, "\\%c", (char)code);
		break;
	case '\n':
		(void)buf_puts(out, "\\n");
		break;
	case '\t':
		(void)buf_puts(out, "\\t");
		break;
	default:
		(void)buf_printf(out, "\\u%04x", code);
	}
}

void yaml_write_text(struct buf *out, struct slice text)
{
	(void)buf_putc(out, '"');
	while (text.n) {
		size_t n = text_utf8_length(text);
		uint32_t code = n ? code_point(text.p, n) : 0xfffd;

		if (n && is_plain(code))
			(void)buf_append(out, text.p, n);
		else
			write_escape(out, code);
		text = slice_skip(text, n ? n : 1);
	}
	(void)buf_putc(out, '"');
}

static void write_member(struct buf *out, const char *indented_key,
                         struct slice value)
{
	(void)buf_puts(out, indented_key);
	(void)buf_puts(out, ": ");
	yaml_write_text(out, value);
	(void)buf_putc(out, '\n');
}

static void write_if_given(struct buf *out, const char *indented_key,
                           const struct object *rule, unsigned field)
{
	const char *value = object_text(rule, field);

	if (value[0])
		write_member(out, indented_key, slice_from(value));
}

/* --- one rule ------------------------------------------------------------- */

struct writer {
	const struct model *model;
	const struct object *owner;
	const struct documents_options *options;
	struct buf *out;
	struct buf scratch; /* a clause with its macro filled in */
};

struct forced {
	const char *name;
	struct slice value; /* p is NULL: it goes */
};

static const struct forced *find_forced(const struct forced *forced, size_t n,
                                        struct slice name)
{
	for (size_t i = 0; i < n; i++) {
		if (slice_is(name, forced[i].name))
			return &forced[i];
	}
	return NULL;
}

static void write_pair(struct buf *out, const char *key, bool *some,
                       struct slice name, struct slice value)
{
	if (!*some)
		(void)buf_printf(out, "    %s:\n", key);
	*some = true;
	(void)buf_puts(out, "      ");
	yaml_write_text(out, name);
	(void)buf_puts(out, ": ");
	yaml_write_text(out, value);
	(void)buf_putc(out, '\n');
}

/* By name; @forced are sorted, too, and count more than those of @set. */
static void write_pairs(struct buf *out, const char *key,
                        const struct label_set *set,
                        const struct forced *forced, size_t n)
{
	size_t at = 0;
	bool some = false;

	for (uint32_t i = 0; i <= (set ? set->n : 0); i++) {
		bool more = set && i < set->n;
		struct slice name =
			more ? set->items[i].name : slice_from(NULL);

		while (at < n &&
		       (!more ||
		        slice_compare(slice_from(forced[at].name), name) < 0)) {
			if (forced[at].value.p)
				write_pair(out, key, &some,
				           slice_from(forced[at].name),
				           forced[at].value);
			at++;
		}
		if (more && !find_forced(forced, n, name))
			write_pair(out, key, &some, name, set->items[i].value);
	}
}

/* As the reference forces them when a rule is saved. */
static void write_labels(struct writer *writer, const struct object *rule)
{
	const struct object *owner = writer->owner;
	const struct object *service = owner;
	struct forced forced[] = { { .name = "project" },
		                   { .name = "service" } };

	if (owner && object_kind(owner) == KIND_PROJECT) {
		service = object_ref(owner, PROJECT_SERVICE);
		forced[0].value = slice_from(object_text(owner, PROJECT_NAME));
	}
	if (service)
		forced[1].value =
			slice_from(object_text(service, SERVICE_NAME));
	write_pairs(writer->out, "labels", object_labels(rule, RULE_LABELS),
	            forced, ARRAY_SIZE(forced));
}

static void write_annotations(struct writer *writer, const struct object *rule)
{
	struct slice base = slice_from(writer->options->external_url);
	struct forced link = { .name = "rule" };
	struct buf *url = &writer->scratch;

	while (base.n && base.p[base.n - 1] == '/')
		base.n--;
	buf_reset(url);
	(void)buf_printf(url, SLICE_FMT "/rule/%llu", SLICE_ARG(base),
	                 (unsigned long long)object_id(rule));
	if (url->failed)
		writer->out->failed = url->failed;
	link.value = buf_slice(url);
	write_pairs(writer->out, "annotations",
	            object_labels(rule, RULE_ANNOTATIONS), &link,
	            base.n ? 1 : 0);
}

static void write_rule(struct writer *writer, const struct object *rule)
{
	bool recording = object_number(rule, RULE_RECORDING) != 0;
	struct buf *out = writer->out;
	int r;

	write_member(out, recording ? "  - record" : "  - alert",
	             slice_from(object_text(rule, RULE_NAME)));
	buf_reset(&writer->scratch);
	r = rule_macro_expand(rule, &writer->scratch);
	if (r < 0) {
		out->failed = r;
		return;
	}
	write_member(out, "    expr", buf_slice(&writer->scratch));
	if (!recording) {
		write_if_given(out, "    for", rule, RULE_DURATION);
		write_if_given(out, "    keep_firing_for", rule,
		               RULE_KEEP_FIRING_FOR);
	}
	write_labels(writer, rule);
	if (!recording)
		write_annotations(writer, rule);
}

/* --- groups --------------------------------------------------------------- */

static const struct object *object_at(const void *at)
{
	return *(const struct object *const *)at;
}

/* By interval; what is recorded comes before what may use it. */
static int compare_rules(const void *a_at, const void *b_at)
{
	const struct object *a = object_at(a_at);
	const struct object *b = object_at(b_at);
	int order = strcmp(object_text(a, RULE_INTERVAL),
	                   object_text(b, RULE_INTERVAL));

	if (order == 0)
		order = (int)object_number(b, RULE_RECORDING) -
		        (int)object_number(a, RULE_RECORDING);
	return order ? order
	             : strcmp(object_text(a, RULE_NAME),
	                      object_text(b, RULE_NAME));
}

/* Names of groups are unique in a file; no name of a service has a bracket. */
static void name_group(struct writer *writer, const char *interval)
{
	const struct object *owner = writer->owner;
	const char *site = writer->options->site;
	struct buf *name = &writer->scratch;

	buf_reset(name);
	if (!owner) {
		(void)buf_puts(name, site);
	} else if (object_kind(owner) == KIND_PROJECT) {
		(void)buf_printf(name, "%s » %s",
		                 object_text(object_ref(owner, PROJECT_SERVICE),
		                             SERVICE_NAME),
		                 object_text(owner, PROJECT_NAME));
	} else {
		(void)buf_puts(name, object_text(owner, SERVICE_NAME));
		if (strcmp(object_text(owner, SERVICE_NAME), site) == 0)
			(void)buf_puts(name, " (service)");
	}
	if (interval[0])
		(void)buf_printf(name, " (%s)", interval);
	if (name->failed)
		writer->out->failed = name->failed;
}

static void write_group_head(struct writer *writer, const char *interval)
{
	struct buf *out = writer->out;

	name_group(writer, interval);
	write_member(out, "- name", buf_slice(&writer->scratch));
	if (interval[0])
		write_member(out, "  interval", slice_from(interval));
	(void)buf_puts(out, "  rules:\n");
}

static bool is_owned(const struct object *rule, const struct object *owner)
{
	const struct object *project = object_ref(rule, RULE_PROJECT);

	return (project ? project : object_ref(rule, RULE_SERVICE)) == owner;
}

struct rules {
	const struct object **items;
	size_t n;
};

static void rules_add(struct rules *rules, const struct object *rule,
                      const struct object *owner, bool all)
{
	if (is_owned(rule, owner) && (all || object_number(rule, RULE_ENABLED)))
		rules->items[rules->n++] = rule;
}

static int collect(const struct model *model, const struct object *owner,
                   bool all, struct rules *rules)
{
	unsigned field = owner && object_kind(owner) == KIND_PROJECT
	                         ? RULE_PROJECT
	                         : RULE_SERVICE;
	uint32_t n = owner ? object_n_children(owner, KIND_RULE, field)
	                   : model_count(model, KIND_RULE);

	if (n == 0)
		return 0;
	rules->items = mem_calloc(n, sizeof(struct object *));
	if (!rules->items)
		return -ENOMEM;
	if (!owner) {
		MODEL_FOR_EACH(rule, model, KIND_RULE)
		rules_add(rules, rule, owner, all);
	} else {
		OBJECT_FOR_EACH(rule, owner, KIND_RULE, field)
		rules_add(rules, rule, owner, all);
	}
	if (rules->n > 1)
		qsort(rules->items, rules->n, sizeof(struct object *),
		      compare_rules);
	return 0;
}

int rules_write(const struct model *model, const struct object *owner,
                const struct documents_options *options, bool all,
                struct buf *out, uint32_t *np)
{
	struct writer writer = {
		.model = model, .owner = owner, .options = options, .out = out
	};
	const char *interval = NULL;
	struct rules rules = { 0 };

	if (collect(model, owner, all, &rules) < 0)
		return -ENOMEM;
	buf_init(&writer.scratch, RULE_MACRO_MAX);
	for (size_t i = 0; i < rules.n && !out->failed; i++) {
		const char *own = object_text(rules.items[i], RULE_INTERVAL);

		if (!interval || strcmp(own, interval) != 0)
			write_group_head(&writer, own);
		interval = own;
		write_rule(&writer, rules.items[i]);
	}
	*np += (uint32_t)rules.n;
	buf_fini(&writer.scratch);
	mem_free(rules.items);
	return out->failed;
}
