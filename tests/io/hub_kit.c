/* SPDX-License-Identifier: Apache-2.0 */
#include "hub_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct config_registry config;
struct buf log_text;

static char promtool[108];

static void emit(void *context, enum log_level level, struct slice line)
{
	(void)context;
	(void)level;
	(void)buf_append(&log_text, line.p, line.n);
}

static const struct log kit_log = { .emit = emit, .level = LOG_LEVEL_INFO };

int hub_set_up(void **state)
{
	if (set_up(state) < 0)
		return -1;
	buf_init(&log_text, 1 << 20);
	config = (struct config_registry){
		.enabled = true,
		.path = path,
		.promtool = "",
		.site = "global",
		.external_url = "",
		.keep_alerts_ms = 86400000,
		.keep_audit_ms = 86400000,
		.max_alerts = 100,
	};
	(void)setenv("TMPDIR", loop.dir, 1);
	return 0;
}

int hub_tear_down(void **state)
{
	buf_fini(&log_text);
	return tear_down(state);
}

struct registry *open_registry(void)
{
	const struct registry_options options = {
		.loop = &loop.uv,
		.log = &kit_log,
		.config = &config,
		.seed = 1,
	};
	struct registry *registry;
	struct err err = { 0 };

	if (registry_open(&options, &registry, &err) < 0)
		fail_msg("%s", err.message);
	return registry;
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

void close_registry(struct registry *registry)
{
	bool closed = false;

	registry_close(registry, on_closed, &closed);
	assert_false(closed);
	test_loop_until(&loop, &closed);
}

/* --- edits --------------------------------------------------------------------- */

static int apply(struct registry_edit *edit, struct model_tx *tx,
                 struct err *err)
{
	struct tried *tried = container_of(edit, struct tried, edit);
	static const unsigned names[] = { [KIND_SERVICE] = SERVICE_NAME,
		                          [KIND_SHARD] = SHARD_NAME,
		                          [KIND_RULE] = RULE_NAME };
	struct assignment set[] = {
		{ names[tried->kind], { .text = tried->name } },
		{ RULE_CLAUSE, { .text = tried->text } },
	};
	struct object *object;

	tried->n_applied++;
	if (tried->refuse) {
		edit->field = "name";
		return err_set(err, tried->refuse, "no");
	}
	if (tried->idle)
		return 0;
	return model_create(tx, tried->kind, set,
	                    tried->kind == KIND_RULE ? 2 : 1, &object, err);
}

static void on_done(struct registry_edit *edit)
{
	struct tried *tried = container_of(edit, struct tried, edit);

	assert_false(tried->done);
	tried->done = true;
	(void)snprintf(tried->words, sizeof(tried->words), "%s",
	               edit->words ? edit->words : "");
}

struct tried making(enum kind kind, const char *name)
{
	return (struct tried){
		.edit = { .apply = apply, .done = on_done, .who = "tester" },
		.kind = kind,
		.name = name,
		.text = "up == 0",
	};
}

void submit(struct registry *registry, struct tried *tried)
{
	registry_submit(registry, &tried->edit);
	assert_false(tried->done);
}

void await_edit(struct tried *tried, enum registry_outcome outcome)
{
	test_loop_until(&loop, &tried->done);
	if (tried->edit.outcome != outcome)
		fail_msg("%s: %s %s",
		         registry_outcome_name(tried->edit.outcome),
		         tried->edit.err.message, tried->words);
}

void make(struct registry *registry, enum kind kind, const char *name)
{
	struct tried tried = making(kind, name);

	submit(registry, &tried);
	await_edit(&tried, REGISTRY_DONE);
}

bool has(struct registry *registry, enum kind kind, const char *name)
{
	MODEL_FOR_EACH(object, registry_model(registry), kind)
	{
		if (strcmp(object_text(object, 0), name) == 0)
			return true;
	}
	return false;
}

void write_promtool(const char *script)
{
	FILE *file;

	(void)test_loop_path(&loop, "promtool", promtool);
	file = fopen(promtool, "w");
	assert_non_null(file);
	assert_true(fprintf(file, "#!/bin/sh\ncd '%s'\n%s\n", loop.dir,
	                    script) > 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(promtool, 0700), 0);
	config.promtool = promtool;
}
