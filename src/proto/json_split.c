/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/json_split.h"

#include <errno.h>

enum state {
	STATE_BEGIN,   /* of an array: `[` must come */
	STATE_BETWEEN, /* before a value */
	STATE_AFTER,   /* of an array: `,` or `]` must come */
	STATE_NESTED,  /* in an array or object */
	STATE_STRING,  /* in a string, at any depth */
	STATE_SCALAR,  /* in a number, true, false, null */
	STATE_DONE,    /* the array has ended */
};

void json_split_init(struct json_split *split, enum json_split_kind kind,
                     size_t max, json_split_cb value, void *context)
{
	*split = (struct json_split){
		.kind = kind,
		.state = kind == JSON_SPLIT_ARRAY ? STATE_BEGIN : STATE_BETWEEN,
		.value = value,
		.context = context,
	};
	buf_init(&split->text, max);
}

void json_split_fini(struct json_split *split)
{
	buf_fini(&split->text);
}

/* A record separator counts as one, too: RFC 7464 puts it before each. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\x1e';
}

/* More of the value, to be kept until its end comes. */
static int keep(struct json_split *split, struct slice piece)
{
	if (split->dropping)
		return 0;
	if (piece.n > split->text.max - split->text.n) {
		split->dropping = true;
		return 0;
	}
	return buf_append(&split->text, piece.p, piece.n);
}

/* The value is whole; @piece is its end, or all of it. */
static int hand_over(struct json_split *split, struct slice piece)
{
	int r;

	if (split->text.n == 0 && !split->dropping &&
	    piece.n <= split->text.max)
		return split->value(split->context, piece);
	r = keep(split, piece);
	if (r == 0 && split->dropping)
		split->n_dropped++;
	else if (r == 0)
		r = split->value(split->context, buf_slice(&split->text));
	buf_reset(&split->text);
	split->dropping = false;
	return r;
}

static int state_after(const struct json_split *split)
{
	return split->kind == JSON_SPLIT_ARRAY ? STATE_AFTER : STATE_BETWEEN;
}

/* The state that the first byte of a value leads to. */
static int begin_value(struct json_split *split, char c)
{
	split->depth = 0;
	if (c == '"')
		return STATE_STRING;
	if (c != '{' && c != '[')
		return STATE_SCALAR;
	split->depth = 1;
	return STATE_NESTED;
}

/* Between the values. 0, or -EINVAL for what cannot stand there. */
static int step_outside(struct json_split *split, char c)
{
	bool array = split->kind == JSON_SPLIT_ARRAY;

	if (is_blank(c))
		return 0;
	if (split->state == STATE_BEGIN) {
		split->state = STATE_BETWEEN;
		return c == '[' ? 0 : -EINVAL;
	}
	if (split->state == STATE_AFTER) {
		split->state = c == ',' ? STATE_BETWEEN : STATE_DONE;
		return c == ',' || c == ']' ? 0 : -EINVAL;
	}
	if (split->state != STATE_BETWEEN || strchr(",}:", c))
		return -EINVAL;
	if (c == ']') {
		split->state = STATE_DONE;
		return array ? 0 : -EINVAL;
	}
	split->state = begin_value(split, c);
	return 0;
}

static bool ends_scalar(char c)
{
	return is_blank(c) || strchr(",]}[{\"", c) != NULL;
}

/* Within a value. True: @c is its last byte. */
static bool step_inside(struct json_split *split, char c)
{
	if (split->state == STATE_STRING) {
		if (split->escaped) {
			split->escaped = false;
		} else if (c == '\\') {
			split->escaped = true;
		} else if (c == '"') {
			split->state = STATE_NESTED;
			return split->depth == 0;
		}
		return false;
	}
	if (c == '"')
		split->state = STATE_STRING;
	else if (c == '{' || c == '[')
		split->depth++;
	else if (c == '}' || c == ']')
		split->depth--;
	return split->depth == 0;
}

static bool is_inside(const struct json_split *split)
{
	return split->state == STATE_NESTED || split->state == STATE_STRING ||
	       split->state == STATE_SCALAR;
}

/* Goes through the value that begins at, or goes on from, the front of
 * @bytes; returns what is left after it, and in *endedp whether it ended. */
static struct slice pass_value(struct json_split *split, struct slice bytes,
                               bool *endedp)
{
	*endedp = false;
	for (size_t i = 0; i < bytes.n; i++) {
		if (split->state == STATE_SCALAR) {
			*endedp = ends_scalar(bytes.p[i]);
			if (*endedp)
				return slice_skip(bytes, i);
		} else if (step_inside(split, bytes.p[i])) {
			*endedp = true;
			return slice_skip(bytes, i + 1);
		}
	}
	return slice_skip(bytes, bytes.n);
}

/* @first: the byte in front of @rest began the value. */
static int take_value(struct json_split *split, struct slice *rest, bool first)
{
	const char *begin = rest->p - first;
	struct slice piece;
	bool ended;

	*rest = pass_value(split, *rest, &ended);
	piece = slice_make(begin, (size_t)(rest->p - begin));
	if (!ended)
		return keep(split, piece);
	split->state = state_after(split);
	return hand_over(split, piece);
}

int json_split_feed(struct json_split *split, struct slice bytes)
{
	int r = 0;

	if (bytes.n && is_inside(split))
		r = take_value(split, &bytes, false);
	while (r == 0 && bytes.n) {
		r = step_outside(split, bytes.p[0]);
		bytes = slice_skip(bytes, 1);
		if (r == 0 && is_inside(split))
			r = take_value(split, &bytes, true);
	}
	return r;
}

int json_split_finish(struct json_split *split)
{
	if (split->state == STATE_SCALAR &&
	    split->kind == JSON_SPLIT_SEQUENCE) {
		split->state = STATE_BETWEEN;
		return hand_over(split, slice_make("", 0));
	}
	if (split->kind == JSON_SPLIT_ARRAY)
		return split->state == STATE_DONE ? 0 : -EINVAL;
	return split->state == STATE_BETWEEN ? 0 : -EINVAL;
}
