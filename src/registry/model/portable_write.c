/* SPDX-License-Identifier: Apache-2.0 */
/* The part of portable.h that writes a text: one walk, two notations. */
#include "registry/model/portable.h"

#include <errno.h>
#include <inttypes.h>
#include "base/json_writer.h"
#include "base/number.h"
#include "base/text.h"
#include "registry/model/rules_yaml.h"

struct writing {
	struct buf *out;
	struct json_writer json;
	bool yaml;
	unsigned depth; /* of YAML: two spaces each */
	bool dash;      /* a '-' was written: the first key stands behind it */
};

/* --- texts of YAML -------------------------------------------------------- */

/* Words that YAML 1.1 or 1.2 takes for something else. */
static bool is_word_of_yaml(struct slice text)
{
	static const char *const words[] = { "null", "true", "false", "yes",
		                             "no",   "on",   "off",   "y",
		                             "n",    "~",    ".inf",  ".nan",
		                             "nan",  "inf" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (slice_is_nocase(text, words[i]))
			return true;
	}
	return false;
}

/* Digits, and behind them a unit or two more groups of digits: 5m, 192.0.2.1.
 * No other word that begins with a digit is left without quotes. */
static bool is_plain_digits(struct slice text)
{
	size_t n_digits = 0;
	size_t n_dots = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] >= '0' && text.p[i] <= '9') {
			n_digits++;
		} else if (text.p[i] == '.' && n_digits) {
			n_dots++;
			n_digits = 0;
		} else {
			return i && i + 1 == text.n && n_dots == 0 &&
			       strchr("smhdwy", text.p[i]);
		}
	}
	return n_dots == 3 && n_digits;
}

/* Is it the same text for every reader without quotes? Numbers, dates and
 * times begin with a digit, or a sign, or a dot. */
static bool is_plain(struct slice text)
{
	if (text.n == 0 || is_word_of_yaml(text))
		return false;
	if (is_plain_digits(text))
		return true;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool inner = (c >= '0' && c <= '9') || strchr("-./", c);

		if (c == ' ' || c == ':')
			inner = i + 1 < text.n && text.p[i + 1] != ' ';
		if (c == '\0' ||
		    !(letter || c == '_' || c == '/' || (i && inner)))
			return false;
	}
	return true;
}

/* Lines as they are: every one has something in it and no blanks at its end,
 * and the first does not begin with one. */
static bool is_block(struct slice text)
{
	if (!memchr(text.p, '\n', text.n) || text.p[0] == ' ' ||
	    text.p[0] == '\n' || text.p[text.n - 1] == '\n')
		return false;
	for (size_t i = 0; i < text.n; i++) {
		bool end = i + 1 == text.n || text.p[i + 1] == '\n';

		if (text.p[i] == '\n') {
			if (end)
				return false;
			continue;
		}
		if ((unsigned char)text.p[i] < ' ' || (end && text.p[i] == ' '))
			return false;
	}
	return true;
}

static bool only_printable(struct slice text)
{
	struct slice rest = text;
	struct slice line;

	while (slice_next(&rest, '\n', &line)) {
		if (!text_is_printable(line))
			return false;
	}
	return true;
}

static void indent(struct writing *writing)
{
	for (unsigned i = 0; i < writing->depth; i++)
		(void)buf_puts(writing->out, "  ");
}

static void yaml_block(struct writing *writing, struct slice text)
{
	struct slice line;

	(void)buf_puts(writing->out, "|-");
	writing->depth++;
	while (slice_next(&text, '\n', &line)) {
		(void)buf_putc(writing->out, '\n');
		indent(writing);
		(void)buf_append(writing->out, line.p, line.n);
	}
	writing->depth--;
}

static void yaml_text(struct writing *writing, struct slice text, bool key)
{
	if (is_plain(text))
		(void)buf_append(writing->out, text.p, text.n);
	else if (!key && text.n && is_block(text) && only_printable(text))
		yaml_block(writing, text);
	else
		yaml_write_text(writing->out, text);
}

/* --- either notation ------------------------------------------------------ */

static void write_key(struct writing *writing, struct slice name)
{
	if (!writing->yaml) {
		json_key_slice(&writing->json, name);
		return;
	}
	if (!writing->dash)
		indent(writing);
	writing->dash = false;
	yaml_text(writing, name, true);
	(void)buf_putc(writing->out, ':');
}

static void write_text(struct writing *writing, struct slice text)
{
	if (!writing->yaml) {
		json_write_slice(&writing->json, text);
		return;
	}
	(void)buf_putc(writing->out, ' ');
	yaml_text(writing, text, false);
	(void)buf_putc(writing->out, '\n');
}

static void write_labels(struct writing *writing, const struct label_set *set,
                         bool several)
{
	if (!writing->yaml) {
		label_set_write(&writing->json, set, several);
		return;
	}
	(void)buf_putc(writing->out, '\n');
	writing->depth++;
	for (uint32_t i = 0; i < set->n;) {
		uint32_t n = 1;

		while (i + n < set->n &&
		       slice_equal(set->items[i].name, set->items[i + n].name))
			n++;
		write_key(writing, set->items[i].name);
		if (n == 1) {
			write_text(writing, set->items[i].value);
		} else {
			(void)buf_puts(writing->out, " [");
			for (uint32_t k = 0; k < n; k++) {
				(void)buf_puts(writing->out, k ? ", " : "");
				yaml_write_text(writing->out,
				                set->items[i + k].value);
			}
			(void)buf_puts(writing->out, "]\n");
		}
		i += n;
	}
	writing->depth--;
}

static void write_number(struct writing *writing, enum field_type type,
                         int64_t number)
{
	bool flag = type == FIELD_FLAG;

	if (!writing->yaml && flag)
		json_write_bool(&writing->json, number != 0);
	else if (!writing->yaml)
		json_write_i64(&writing->json, number);
	else if (flag)
		(void)buf_printf(writing->out, " %s\n",
		                 number ? "true" : "false");
	else
		(void)buf_printf(writing->out, " %" PRId64 "\n", number);
}

static void write_field(struct writing *writing,
                        const struct portable_item *item, unsigned field)
{
	enum field_type type = kinds[item->kind].fields[field].type;
	union value value = item->values[field];

	if (item->kind == KIND_RULE && field == RULE_RECORDING)
		return; /* its name says it */
	write_key(writing, slice_from(portable_key(item, field)));
	if (type == FIELD_LABELS || type == FIELD_PARAMS)
		write_labels(writing, value.labels, type == FIELD_PARAMS);
	else if (type == FIELD_TEXT || type == FIELD_REF)
		write_text(writing, slice_from(value.text));
	else
		write_number(writing, type, value.number);
}

/* --- items ---------------------------------------------------------------- */

static void write_sections(struct writing *writing,
                           const struct portable_item *owner);

static void write_address(struct writing *writing,
                          const struct portable_item *item)
{
	struct buf text;

	buf_init(&text, 2 * FIELD_MAX_TEXT);
	portable_address(&text, portable_item_text(item, SERVER_HOST),
	                 portable_item_number(item, SERVER_PORT));
	if (text.failed)
		writing->out->failed = text.failed;
	write_text(writing, buf_slice(&text));
	buf_fini(&text);
}

/* One text instead of a mapping, if it says all. */
static bool write_short(struct writing *writing,
                        const struct portable_item *item)
{
	int field = portable_short(item->kind);

	if (item->first || item->section->single)
		return false;
	if (item->kind == KIND_SERVER) {
		write_address(writing, item);
		return true;
	}
	if (field < 0 || item->given != 1u << field)
		return false;
	write_text(writing, slice_from(item->values[field].text));
	return true;
}

static void write_fields(struct writing *writing,
                         const struct portable_item *item)
{
	for (unsigned i = 0; i < kinds[item->kind].n_fields; i++) {
		if (item->given & 1u << i)
			write_field(writing, item, i);
	}
	write_sections(writing, item);
}

static void write_item(struct writing *writing,
                       const struct portable_item *item)
{
	if (writing->yaml && !item->section->single) {
		indent(writing);
		(void)buf_putc(writing->out, '-');
	}
	if (write_short(writing, item))
		return;
	if (!writing->yaml) {
		json_write_object(&writing->json);
		write_fields(writing, item);
		json_write_object_end(&writing->json);
		return;
	}
	if (!item->section->single) {
		(void)buf_putc(writing->out, ' ');
		writing->dash = true;
	}
	writing->depth++;
	write_fields(writing, item);
	writing->depth--;
}

static void write_list(struct writing *writing,
                       const struct portable_section *section,
                       const struct portable_item *first)
{
	write_key(writing, slice_from(section->key));
	if (!writing->yaml && !section->single)
		json_write_array(&writing->json);
	if (writing->yaml)
		(void)buf_puts(writing->out, first ? "\n" : " []\n");
	if (writing->yaml && !section->single)
		writing->depth++;
	for (const struct portable_item *item = first; item;
	     item = item->next) {
		if (item->section == section)
			write_item(writing, item);
	}
	if (writing->yaml && !section->single)
		writing->depth--;
	if (!writing->yaml && !section->single)
		json_write_array_end(&writing->json);
}

static void write_sections(struct writing *writing,
                           const struct portable_item *owner)
{
	const struct portable_section *section;
	size_t at = 0;

	while ((section = portable_section(owner->kind, &at))) {
		const struct portable_item *item = owner->first;

		while (item && item->section != section)
			item = item->next;
		if (item || (owner->kind == N_KINDS && !section->flat))
			write_list(writing, section, item);
	}
}

int portable_write_yaml(const struct portable *portable, struct buf *out)
{
	struct writing writing = { .out = out, .yaml = true };

	write_sections(&writing, portable->root);
	return out->failed;
}

int portable_write_json(const struct portable *portable, struct buf *out)
{
	struct writing writing = { .out = out };

	json_write_init(&writing.json, out);
	json_write_object(&writing.json);
	write_sections(&writing, portable->root);
	json_write_object_end(&writing.json);
	(void)buf_putc(out, '\n');
	return out->failed;
}
