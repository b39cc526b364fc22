/* SPDX-License-Identifier: Apache-2.0 */
#include "action/plugin_private.h"

#include <errno.h>
#include <math.h>
#include "base/json_writer.h"
#include "base/number.h"
#include "base/text.h"
#include "core/plugin_parameters.h"
#include "core/template.h"

/* --- as a structure ----------------------------------------------------------- */

static const char *copy(struct arena *arena, const char *text)
{
	return arena_copy(arena, slice_from(text));
}

static const struct bouncer_label *copy_labels(struct arena *arena,
                                               const struct label *labels,
                                               size_t n)
{
	struct bouncer_label *copies =
		arena_calloc(arena, n + 1, sizeof(*copies));

	for (size_t i = 0; copies && i < n; i++) {
		copies[i].name = arena_copy(arena, labels[i].name);
		copies[i].value = arena_copy(arena, labels[i].value);
		if (!copies[i].name || !copies[i].value)
			return NULL;
	}
	return copies;
}

static double number_of(const char *text)
{
	double number;

	if (!text || number_parse_double(slice_from(text), &number) < 0)
		return NAN;
	return number;
}

int plugin_context_fill(struct bouncer_context *context, struct arena *arena,
                        const struct notice *notice, uint64_t deadline_ms)
{
	*context = (struct bouncer_context){
		.size = sizeof(*context),
		.monitor = copy(arena, notice->monitor),
		.rule = copy(arena, notice->rule),
		.reason = copy(arena, notice->reason),
		.target = copy(arena, notice->container),
		.target_id = copy(arena, notice->id),
		.runtime = copy(arena, notice->runtime),
		.host = copy(arena, notice->host),
		.value = copy(arena, notice->value),
		.number = number_of(notice->value),
		.threshold = copy(arena, notice->threshold),
		.level = copy(arena, notice->level),
		.status = copy(arena, notice->status),
		.labels = copy_labels(arena, notice->labels, notice->n_labels),
		.n_labels = notice->n_labels,
		.annotations = copy_labels(arena, notice->annotations,
		                           notice->n_annotations),
		.n_annotations = notice->n_annotations,
		.age_ms = notice->age_ms,
		.attempt = notice->attempt,
		.deadline_ms = deadline_ms,
		.epoch = notice->epoch,
	};
	if (!context->monitor || !context->rule || !context->reason ||
	    !context->target || !context->target_id || !context->runtime ||
	    !context->host || !context->value || !context->threshold ||
	    !context->level || !context->status || !context->labels ||
	    !context->annotations)
		return -ENOMEM;
	return 0;
}

/* --- as JSON -------------------------------------------------------------------- */

static void put(struct json_writer *json, const char *key, const char *value)
{
	json_write_key(json, key);
	json_write_string(json, value);
}

static void put_number(struct json_writer *json, const char *key,
                       uint64_t value)
{
	json_write_key(json, key);
	json_write_u64(json, value);
}

static void put_parameters(struct json_writer *json,
                           const struct step_plugin *step,
                           const struct notice *notice)
{
	struct buf text;

	json_write_key(json, "parameters");
	json_write_object(json);
	buf_init(&text, PLUGIN_MAX_VALUE);
	for (size_t i = 0; i < step->n_parameters; i++) {
		buf_reset(&text);
		template_render(slice_from(step->parameters[i].value),
		                TEMPLATE_PLAIN, notice, &text);
		if (text.failed)
			json->buf->failed = text.failed;
		json_write_key(json, step->parameters[i].name);
		json_write_slice(json, buf_slice(&text));
	}
	buf_fini(&text);
	json_write_object_end(json);
}

void plugin_context_json(struct buf *out, const struct plugin_call *call)
{
	const struct notice *notice = call->notice;
	struct json_writer json;

	json_write_init(&json, out);
	json_write_object(&json);
	put_number(&json, "version", PLUGIN_JSON_VERSION);
	put(&json, "monitor", notice->monitor);
	put(&json, "rule", notice->rule);
	put(&json, "reason", notice->reason);
	put(&json, "target", notice->container);
	put(&json, "target_id", notice->id);
	put(&json, "runtime", notice->runtime);
	put(&json, "host", notice->host);
	put(&json, "value", notice->value);
	put(&json, "threshold", notice->threshold);
	put(&json, "level", notice->level);
	put(&json, "status", notice->status);
	labels_write_json(&json, "labels", notice->labels, notice->n_labels);
	labels_write_json(&json, "annotations", notice->annotations,
	                  notice->n_annotations);
	put_number(&json, "age_ms", notice->age_ms);
	put_number(&json, "attempt", notice->attempt);
	put_number(&json, "timeout_ms", call->timeout_ms);
	put_number(&json, "epoch", notice->epoch);
	put_parameters(&json, call->step, notice);
	json_write_object_end(&json);
	(void)buf_putc(out, '\n');
}
