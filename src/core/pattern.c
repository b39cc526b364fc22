/* SPDX-License-Identifier: Apache-2.0 */
#include "core/pattern.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MAX_TEXT 4096

/* Goes over the text and counts what the machine would be made of. */
struct survey {
	struct slice rest;
	struct err *err;
	uint64_t parts[PATTERN_MAX_DEPTH + 1]; /* at each depth */
	size_t depth;
	uint64_t last; /* parts of what a repetition would repeat; 0: nothing */
	bool repeated; /* it is repeated already */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static int bad(struct survey *survey, const char *words)
{
	return err_set(survey->err, -EINVAL, "%s", words);
}

static int add_part(struct survey *survey, uint64_t parts)
{
	survey->parts[survey->depth] += parts;
	survey->last = parts;
	survey->repeated = false;
	if (survey->parts[survey->depth] > PATTERN_MAX_PARTS)
		return bad(survey, "the pattern repeats too much");
	return 0;
}

/* The backslash has been taken. */
static int survey_escape(struct survey *survey)
{
	char c = survey->rest.n ? survey->rest.p[0] : '\0';

	if (is_word(c) || (c != '\0' && strchr("<>`'", c)))
		return err_set(survey->err, -EINVAL,
		               "\\%c is not known in a pattern; use classes "
		               "such as [0-9] or [[:alpha:]]",
		               c);
	if (c == '\0')
		return bad(survey, "the pattern ends with a backslash");
	survey->rest = slice_skip(survey->rest, 1);
	return add_part(survey, 1);
}

/* [[:alpha:]], whose brackets do not end the outer ones; the inner [ is next. */
static bool skip_class(struct survey *survey)
{
	const char *end;

	if (!slice_starts(survey->rest, "[:"))
		return false;
	end = memmem(survey->rest.p, survey->rest.n, ":]", 2);
	if (!end)
		return false;
	survey->rest =
		slice_skip(survey->rest, (size_t)(end - survey->rest.p) + 2);
	return true;
}

/* The opening bracket has been taken. */
static int survey_brackets(struct survey *survey)
{
	bool first = true;

	if (slice_starts(survey->rest, "^"))
		survey->rest = slice_skip(survey->rest, 1);
	for (; survey->rest.n; first = false) {
		char c = survey->rest.p[0];

		if (c == '\\')
			return bad(
				survey,
				"a backslash inside brackets is not known; "
				"there . stands for itself, and - at the end");
		if (c == '[' && skip_class(survey))
			continue;
		if (slice_starts(survey->rest, "[.") ||
		    slice_starts(survey->rest, "[="))
			return bad(survey, "[. and [= are not known inside "
			                   "brackets");
		survey->rest = slice_skip(survey->rest, 1);
		if (c == ']' && !first)
			return add_part(survey, 1);
	}
	return bad(survey, "a bracket [ is never closed");
}

static int survey_open(struct survey *survey)
{
	if (slice_starts(survey->rest, "?"))
		return bad(survey, "groups with (? are not known in a pattern");
	if (survey->depth == PATTERN_MAX_DEPTH)
		return bad(survey, "parentheses are nested too deeply");
	survey->parts[++survey->depth] = 0;
	survey->last = 0;
	return 0;
}

static int survey_close(struct survey *survey)
{
	if (survey->depth == 0)
		return bad(survey, "a parenthesis ) was never opened");
	survey->depth--;
	return add_part(survey, survey->parts[survey->depth + 1] + 1);
}

/* What stands before it is there @times, not once. */
static int repeat(struct survey *survey, uint64_t times)
{
	uint64_t last = survey->last;
	int r;

	if (last == 0)
		return bad(survey, "there is nothing to repeat before *, +, ? "
		                   "or {");
	if (survey->repeated)
		return bad(survey, "two of *, +, ? and {} one after the other "
		                   "are not known in a pattern");
	if (times <= 1) {
		survey->repeated = true;
		return 0;
	}
	r = add_part(survey, last * (times - 1));
	survey->last = last * times;
	survey->repeated = true;
	return r;
}

static bool take_count(struct survey *survey, uint64_t *countp)
{
	size_t n = 0;

	for (*countp = 0; n < survey->rest.n && is_digit(survey->rest.p[n]);
	     n++) {
		*countp = *countp * 10 + (uint64_t)(survey->rest.p[n] - '0');
		if (*countp > PATTERN_MAX_PARTS)
			return false;
	}
	survey->rest = slice_skip(survey->rest, n);
	return n > 0;
}

/* {n}, {n,} or {n,m}; the opening brace has been taken. */
static int survey_braces(struct survey *survey)
{
	uint64_t least;
	uint64_t most;
	bool good = take_count(survey, &least);

	most = least;
	if (good && slice_starts(survey->rest, ",")) {
		survey->rest = slice_skip(survey->rest, 1);
		most = least + 1;
		if (!slice_starts(survey->rest, "}"))
			good = take_count(survey, &most);
	}
	if (!good || most < least || !slice_starts(survey->rest, "}"))
		return bad(survey, "a repetition is {2}, {2,} or {2,5}; write "
		                   "\\{ for a brace");
	survey->rest = slice_skip(survey->rest, 1);
	return repeat(survey, most);
}

static int survey_one(struct survey *survey)
{
	char c = survey->rest.p[0];

	survey->rest = slice_skip(survey->rest, 1);
	switch (c) {
	case '\0':
		return bad(survey, "the pattern holds a NUL");
	case '\\':
		return survey_escape(survey);
	case '[':
		return survey_brackets(survey);
	case '(':
		return survey_open(survey);
	case ')':
		return survey_close(survey);
	case '{':
		return survey_braces(survey);
	case '*':
	case '?':
		return repeat(survey, 1);
	case '+': /* is made of it twice */
		return repeat(survey, 2);
	case '|':
	case '^':
	case '$':
		survey->parts[survey->depth]++;
		survey->last = 0;
		return 0;
	default:
		return add_part(survey, 1);
	}
}

static int survey_pattern(struct slice text, struct err *err)
{
	struct survey survey = { .rest = text, .err = err };

	if (text.n > MAX_TEXT)
		return bad(&survey, "the pattern is too long");
	while (survey.rest.n) {
		int r = survey_one(&survey);

		if (r < 0)
			return r;
	}
	if (survey.depth > 0)
		return bad(&survey, "a parenthesis ( is never closed");
	return 0;
}

int pattern_compile(struct slice text, regex_t *regex, struct err *err)
{
	char whole[MAX_TEXT + sizeof("^()$")];
	char words[128];
	int r = survey_pattern(text, err);

	if (r < 0)
		return r;
	(void)snprintf(whole, sizeof(whole), "^(%.*s)$", SLICE_ARG(text));
	r = regcomp(regex, whole, REG_EXTENDED | REG_NOSUB);
	if (r == 0)
		return 0;
	if (r == REG_ESPACE)
		return err_set_code(err, -ENOMEM, "the pattern");
	(void)regerror(r, regex, words, sizeof(words));
	return err_set(err, -EINVAL, "the pattern is not one: %s", words);
}

int pattern_match(const regex_t *regex, struct slice subject)
{
	char text[PATTERN_MAX_SUBJECT + 1];
	int r;

	if (subject.n > PATTERN_MAX_SUBJECT ||
	    (subject.n && memchr(subject.p, '\0', subject.n)))
		return 0;
	if (subject.n)
		memcpy(text, subject.p, subject.n);
	text[subject.n] = '\0';
	r = regexec(regex, text, 0, NULL, 0);
	if (r == 0)
		return 1;
	return r == REG_NOMATCH ? 0 : -ENOMEM;
}
