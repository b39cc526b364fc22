/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "core/pattern.h"
#include "registry/model/check.h"
#include "registry/model/model_private.h"
#include "registry/model/sender.h"

/* --- values --------------------------------------------------------------- */

bool value_equal(enum field_type type, union value a, union value b)
{
	if (type == FIELD_TEXT)
		return strcmp(a.text, b.text) == 0;
	if (type == FIELD_REF)
		return a.object == b.object;
	if (type >= FIELD_LABELS)
		return label_set_equal(a.labels, b.labels);
	return a.number == b.number;
}

union value field_fallback(const struct field *field)
{
	struct slice text = slice_from(field->fallback);
	union value value = { 0 };
	bool flag = false;
	int rc = 0;

	if (field->type == FIELD_TEXT)
		value.text = text.p;
	else if (field->type == FIELD_FLAG && text.n)
		rc = number_parse_bool(text, &flag);
	else if (text.n)
		rc = number_parse_i64(text, &value.number);
	if (field->type == FIELD_FLAG)
		value.number = flag;
	assert(rc == 0);
	(void)rc;
	return value;
}

union value value_settled(const struct field *field, union value value,
                          char *host)
{
	if (field->type != FIELD_TEXT)
		return value;
	if (!value.text || !value.text[0])
		return field_fallback(field);
	if (field_is_host(field) &&
	    host_canonical(slice_from(value.text), host))
		value.text = host;
	return value;
}

int value_copy(const struct field *field, union value *value)
{
	if (field->type == FIELD_TEXT) {
		const char *fallback = text_or_empty(field->fallback);

		if (!value->text || !value->text[0] ||
		    strcmp(value->text, fallback) == 0)
			return value->text = fallback, 0;
		value->text = mem_strdup(value->text);
		return value->text ? 0 : -ENOMEM;
	}
	if (field->type < FIELD_LABELS || !value->labels)
		return 0;
	if (value->labels->n == 0)
		return value->labels = NULL, 0;
	value->labels = label_set_copy(value->labels);
	return value->labels ? 0 : -ENOMEM;
}

void value_free(const struct field *field, union value value)
{
	if (field->type == FIELD_TEXT && value.text && value.text[0] &&
	    value.text != field->fallback)
		mem_free((char *)value.text);
	if (field->type >= FIELD_LABELS)
		mem_free((struct label_set *)value.labels);
}

/* --- drafts --------------------------------------------------------------- */

void draft_new(struct draft *draft, enum kind kind)
{
	*draft = (struct draft){ .kind = kind };
	for (unsigned i = 0; i < kinds[kind].n_fields; i++)
		draft->values[i] = field_fallback(&kinds[kind].fields[i]);
}

void draft_of(struct draft *draft, const struct object *object)
{
	*draft = (struct draft){ .kind = object->kind };
	memcpy(draft->values, object->values,
	       kinds[object->kind].n_fields * sizeof(*draft->values));
}

void draft_drop(struct draft *draft)
{
	for (unsigned i = 0; i < kinds[draft->kind].n_fields; i++) {
		if (draft->owned & (1u << i))
			value_free(&kinds[draft->kind].fields[i],
			           draft->values[i]);
	}
	draft->owned = 0;
}

static int check_number(const struct field *field, int64_t number,
                        struct err *err)
{
	if (field->type == FIELD_FLAG && number != 0 && number != 1)
		return err_set(err, -EINVAL, "must be true or false");
	if (field->type == FIELD_TIME && number < 0)
		return err_set(err, -EINVAL, "is before 1970");
	if ((field->min || field->max) &&
	    (number < field->min || number > field->max)) {
		if (field->max == INT64_MAX)
			return err_set(err, -EINVAL,
			               "must be %" PRId64 " at least",
			               field->min);
		return err_set(err, -EINVAL,
		               "must be from %" PRId64 " to %" PRId64,
		               field->min, field->max);
	}
	return 0;
}

static int check_labels(const struct field *field, enum kind kind,
                        const struct label_set *set, struct err *err)
{
	if (field->type == FIELD_PARAMS)
		return check_params(set, err);
	if (kind != KIND_RULE)
		return check_target_labels(set, err);
	return field == &kinds[kind].fields[RULE_ANNOTATIONS]
	               ? check_annotations(set, err)
	               : check_rule_labels(set, err);
}

static int check_value(const struct field *field, enum kind kind,
                       union value value, struct err *err)
{
	struct slice text;

	switch (field->type) {
	case FIELD_TEXT:
		text = slice_from(value.text);
		if (text.n == 0)
			return 0; /* required or not, is seen in the end */
		if (text.n > FIELD_MAX_TEXT || !field->check)
			return check_text(text, err);
		return field->check(text, err);
	case FIELD_REF:
		if (value.object && value.object->kind != field->to)
			return err_set(err, -EINVAL, "must be a %s",
			               kinds[field->to].name);
		if (value.object && value.object->gone)
			return err_set(err, -EINVAL, "is deleted");
		return 0;
	case FIELD_LABELS:
	case FIELD_PARAMS:
		return check_labels(field, kind, value.labels, err);
	case FIELD_NUMBER:
	case FIELD_FLAG:
	case FIELD_TIME:
		break;
	}
	return check_number(field, value.number, err);
}

int draft_set(struct draft *draft, const struct object *object, unsigned nth,
              union value value, struct err *err)
{
	const struct field *field = &kinds[draft->kind].fields[nth];
	char host[CHECK_HOST_MAX + 1];
	int rc = check_value(field, draft->kind, value, err);

	if (rc < 0)
		return rc;
	value = value_settled(field, value, host);
	if (object && value_equal(field->type, value, object->values[nth])) {
		value = object->values[nth];
	} else if (object && (field->flags & FIELD_FIXED)) {
		return err_set(err, -EINVAL,
		               "cannot be changed: delete the %s and make "
		               "another",
		               kinds[draft->kind].name);
	} else if (value_copy(field, &value) < 0) {
		return err_set(err, -ENOMEM, "out of memory");
	}
	if (draft->owned & (1u << nth))
		value_free(field, draft->values[nth]);
	draft->values[nth] = value;
	draft->owned |= 1u << nth;
	if (object && memcmp(&value, &object->values[nth], sizeof(value)) == 0)
		draft->owned &= ~(1u << nth);
	return 0;
}

/* --- what goes together --------------------------------------------------- */

static int refuse(int *fieldp, unsigned field, struct err *err,
                  const char *words)
{
	*fieldp = (int)field;
	return err_set(err, -EINVAL, "%s", words);
}

static bool may_override(const union value *values, const struct object *parent)
{
	struct object *service = parent->values[RULE_SERVICE].object;
	struct object *project = values[RULE_PROJECT].object;

	if (parent->values[RULE_PROJECT].object)
		return false;
	if (project)
		return !service ||
		       service == project->values[PROJECT_SERVICE].object;
	return values[RULE_SERVICE].object && !service;
}

static int check_rule(const union value *values, const struct object *object,
                      int *fieldp, struct err *err)
{
	struct object *parent = values[RULE_PARENT].object;

	if (values[RULE_SERVICE].object && values[RULE_PROJECT].object)
		return refuse(fieldp, RULE_PROJECT, err,
		              "a rule is for a service or for a project, not "
		              "for both");
	if (parent && (parent == object || !may_override(values, parent)))
		return refuse(fieldp, RULE_PARENT, err,
		              "a rule of a service can override a global one, "
		              "a rule of a project a global one or one of its "
		              "service");
	if (parent && parent->values[RULE_RECORDING].number !=
	                      values[RULE_RECORDING].number)
		return refuse(fieldp, RULE_PARENT, err,
		              "a rule that records cannot override one that "
		              "alerts, nor the other way round");
	if (!values[RULE_RECORDING].number)
		return 0;
	if (values[RULE_DURATION].text[0])
		return refuse(fieldp, RULE_DURATION, err,
		              "a rule that records has none");
	if (values[RULE_KEEP_FIRING_FOR].text[0])
		return refuse(fieldp, RULE_KEEP_FIRING_FOR, err,
		              "a rule that records has none");
	if (values[RULE_ANNOTATIONS].labels)
		return refuse(fieldp, RULE_ANNOTATIONS, err,
		              "a rule that records has none");
	return 0;
}

/* Its rules may override those of its service. */
static int check_project(const union value *values, const struct object *object,
                         int *fieldp, struct err *err)
{
	if (!object || object->values[PROJECT_SERVICE].object ==
	                       values[PROJECT_SERVICE].object)
		return 0;
	OBJECT_FOR_EACH(rule, object, KIND_RULE, RULE_PROJECT)
	{
		struct object *parent = rule->values[RULE_PARENT].object;

		if (parent && parent->values[RULE_SERVICE].object)
			return *fieldp = PROJECT_SERVICE,
			       err_set(err, -EINVAL,
			               "its rule %s overrides a rule of the "
			               "service that it would leave",
			               rule->values[RULE_NAME].text);
	}
	return 0;
}

static int check_exporter(const union value *values, int *fieldp,
                          struct err *err)
{
	uint64_t interval, timeout;

	if (duration_of_prometheus(
		    slice_from(values[EXPORTER_SCRAPE_INTERVAL].text),
		    &interval) < 0 ||
	    duration_of_prometheus(
		    slice_from(values[EXPORTER_SCRAPE_TIMEOUT].text),
		    &timeout) < 0 ||
	    timeout <= interval)
		return 0;
	return refuse(fieldp, EXPORTER_SCRAPE_TIMEOUT, err,
	              "is longer than scrape_interval");
}

static int check_notifier(const union value *values, int *fieldp,
                          struct err *err)
{
	int r;

	if (values[NOTIFIER_SERVICE].object && values[NOTIFIER_PROJECT].object)
		return refuse(fieldp, NOTIFIER_PROJECT, err,
		              "a notifier is for a service or for a project, "
		              "not for both");
	r = sender_check(values[NOTIFIER_SENDER].text,
	                 values[NOTIFIER_VALUE].text, err);
	if (r < 0)
		*fieldp = NOTIFIER_VALUE;
	return r;
}

static int check_filter(const union value *values, int *fieldp, struct err *err)
{
	regex_t pattern;
	int r;

	if (values[FILTER_OPERATOR].text[1] != '~')
		return 0;
	r = pattern_compile(slice_from(values[FILTER_VALUE].text), &pattern,
	                    err);
	if (r == 0)
		regfree(&pattern);
	else
		*fieldp = FILTER_VALUE;
	return r;
}

/* Scheme, host and port, with a user that stands before them. */
static struct slice origin_of(const char *url)
{
	const char *host = strstr(url, "://");
	size_t n = host ? (size_t)(host - url) + strlen("://") : 0;

	return slice_make(url, n + strcspn(url + n, "/?"));
}

/* Its secret goes to no other machine unless whoever moves it knows it. */
static int check_shard(const struct draft *draft, const struct object *object,
                       int *fieldp, struct err *err)
{
	const char *secret = draft->values[SHARD_AUTHORIZATION].text;

	if (!object || !secret[0] ||
	    (draft->owned & (1u << SHARD_AUTHORIZATION)) ||
	    slice_equal(origin_of(draft->values[SHARD_URL].text),
	                origin_of(object->values[SHARD_URL].text)))
		return 0;
	return refuse(fieldp, SHARD_URL, err,
	              "is on another host or port: say `authorization` anew, "
	              "too, or that it is empty");
}

static int check_together(const struct draft *draft,
                          const struct object *object, int *fieldp,
                          struct err *err)
{
	const union value *values = draft->values;

	if (draft->kind == KIND_SHARD)
		return check_shard(draft, object, fieldp, err);
	if (draft->kind == KIND_RULE)
		return check_rule(values, object, fieldp, err);
	if (draft->kind == KIND_PROJECT)
		return check_project(values, object, fieldp, err);
	if (draft->kind == KIND_EXPORTER)
		return check_exporter(values, fieldp, err);
	if (draft->kind == KIND_NOTIFIER)
		return check_notifier(values, fieldp, err);
	if (draft->kind == KIND_FILTER)
		return check_filter(values, fieldp, err);
	return 0;
}

static int check_required(const struct draft *draft, int *fieldp,
                          struct err *err)
{
	for (unsigned i = 0; i < kinds[draft->kind].n_fields; i++) {
		const struct field *field = &kinds[draft->kind].fields[i];
		union value value = draft->values[i];

		if (!(field->flags & FIELD_REQUIRED))
			continue;
		if (field->type == FIELD_TEXT ? value.text[0] != '\0'
		    : field_is_ref(field)     ? value.object != NULL
		                              : value.number != 0)
			continue;
		return refuse(fieldp, i, err, "is required");
	}
	return 0;
}

int draft_unique(const struct draft *draft, const struct model *model,
                 const struct object *object, int *fieldp, struct err *err)
{
	struct object *other;
	char title[OBJECT_TITLE_MAX];

	if (!key_counts(draft->kind, draft->values))
		return 0;
	for (unsigned i = 0; i < kinds[draft->kind].n_keys; i++) {
		other = key_find(model, draft->kind, i, draft->values);
		if (!other || other == object)
			continue;
		*fieldp = kinds[draft->kind].keys[i][0];
		return err_set(err, -EEXIST, "there is already %s",
		               object_title(other, title));
	}
	return 0;
}

int draft_check(const struct draft *draft, const struct model *model,
                const struct object *object, int *fieldp, struct err *err)
{
	int rc = check_required(draft, fieldp, err);

	if (rc == 0)
		rc = check_together(draft, object, fieldp, err);
	if (rc == 0)
		rc = draft_unique(draft, model, object, fieldp, err);
	return rc;
}
