/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/push_body_reader.h"
#include "proto/push_number.h"

static int check_label_name(struct reader *at, const struct draft *draft,
                            struct slice name)
{
	const struct push_body *body = at->body;

	if (name.n == 0)
		return REFUSE_QUOTED(at, "invalid label name for metric %s",
		                     reader_family(at));
	if (name.n > 2 && name.p[0] == '_' && name.p[1] == '_') {
		if (slice_is(name, "__name__"))
			return reader_refuse(at, "label name \"__name__\" is "
			                         "reserved");
		if (!at->reserved.p) {
			at->reserved = name;
			at->reserved_in = reader_family(at);
		}
	}
	if (name.n > PUSH_BODY_MAX_NAME)
		return reader_refuse(at, "label name of more than %d bytes",
		                     PUSH_BODY_MAX_NAME);
	for (uint32_t i = draft->first_label; i < body->n_labels; i++) {
		if (slice_equal(body->labels[i].name, name))
			return REFUSE_QUOTED(
				at, "duplicate label names for metric %s",
				reader_family(at));
	}
	if (body->n_labels - draft->first_label == PUSH_BODY_MAX_LABELS)
		return reader_refuse(at, "more than %d labels",
		                     PUSH_BODY_MAX_LABELS);
	return 0;
}

/* "le" or "quantile" of a family that has them; sets *keepp to whether it
 * stays a label. */
static int read_bound(struct reader *at, struct draft *draft, struct slice name,
                      struct slice value, bool *keepp)
{
	if (!push_number_is_float(value))
		return reader_refuse(
			at,
			"expected float as value for '" SLICE_FMT
			"' label, got %s",
			SLICE_ARG(name),
			quote_text(value, (char[QUOTE_TEXT_SIZE]){ 0 }));
	draft->bounded = !push_number_is_nan(value);
	*keepp =
		draft->suffix == METRIC_PLAIN || draft->suffix == METRIC_BUCKET;
	return 0;
}

/* name="value", `p` being at what comes before it. */
static int read_label(struct reader *at, struct draft *draft)
{
	const char *bound = reader_bound_label(draft->type);
	struct push_body *body = at->body;
	struct slice value;
	struct slice name;
	bool keep = true;
	int r;

	name = reader_take_while(at, LABEL_START, IN_LABEL);
	r = check_label_name(at, draft, name);
	if (r)
		return r;
	reader_skip_blanks(at);
	if (*at->p != '=')
		return REFUSE_BYTE(
			at, "expected '=' after label name, found %s", *at->p);
	at->p++;
	reader_skip_blanks(at);
	if (*at->p != '"')
		return REFUSE_BYTE(
			at, "expected '\"' at start of label value, found %s",
			*at->p);
	r = reader_take_value(at, &value);
	if (r == 0 && bound && slice_is(name, bound))
		r = read_bound(at, draft, name, value, &keep);
	if (r)
		return r;
	if (keep)
		body->labels[body->n_labels++] = (struct label){ name, value };
	at->p++;
	reader_skip_blanks(at);
	if (*at->p != ',' && *at->p != '}')
		return REFUSE_QUOTED(at, "unexpected end of label value %s",
		                     value);
	return 0;
}

int reader_take_labels(struct reader *at, struct draft *draft)
{
	do {
		int r;

		at->p++;
		reader_skip_blanks(at);
		if (*at->p == '}')
			break;
		r = read_label(at, draft);
		if (r)
			return r;
	} while (*at->p == ',');
	at->p++;
	reader_skip_blanks(at);
	return 0;
}
