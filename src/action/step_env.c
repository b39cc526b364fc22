/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of a command of the host: nothing from outside becomes part
 * of a command line unless somebody wrote so. */
#include "action/step_text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"

#define NAME_MAX_BYTES 128 /* of a label's, in a variable's name */

/* "NAME=value" one after another, each ended by a NUL. */
struct env {
	struct buf text;
	size_t n;
};

/* One that does not fit is left out whole. */
static void end_variable(struct env *env, size_t begin)
{
	(void)buf_putc(&env->text, '\0');
	if (!env->text.failed)
		env->n++;
	if (env->text.failed == -E2BIG) {
		env->text.failed = 0;
		env->text.n = begin;
	}
}

static void add_slice(struct env *env, const char *name, struct slice value)
{
	size_t begin = env->text.n;

	value = text_cut(value, BOUNCE_ENV_SIZE);
	(void)buf_printf(&env->text, "%s=", name);
	for (size_t i = 0; i < value.n; i++)
		(void)buf_putc(&env->text, value.p[i] ? value.p[i] : ' ');
	end_variable(env, begin);
}

static void add(struct env *env, const char *name, const char *value)
{
	if (value)
		add_slice(env, name, slice_from(value));
}

static void add_number(struct env *env, const char *name, int64_t value)
{
	char number[24];

	(void)snprintf(number, sizeof(number), "%" PRId64, value);
	add(env, name, number);
}

static void add_container(struct env *env, const struct bounce *bounce)
{
	const struct notice *notice = bounce->notice;

	if (strcmp(bounce->runtime_name, "host") == 0)
		return;
	add(env, "BOUNCER_CONTAINER", bounce->target);
	add(env, "BOUNCER_CONTAINER_ID", bounce->id);
	add(env, "BOUNCER_RUNTIME", bounce->runtime_name);
	if (notice && notice->output[0])
		add(env, "BOUNCER_OUTPUT", notice->output);
	if (notice && notice->exit_code >= 0)
		add_number(env, "BOUNCER_EXIT_CODE", notice->exit_code);
}

/* --- labels -------------------------------------------------------------------- */

/* What is no letter or digit of ASCII is "_": a shell can use it. */
static bool name_variable(char *out, size_t size, const char *prefix,
                          struct slice name)
{
	size_t n = strlen(prefix);

	if (name.n == 0 || n + name.n >= size)
		return false;
	memcpy(out, prefix, n);
	for (size_t i = 0; i < name.n; i++)
		out[n + i] =
			isalnum((unsigned char)name.p[i]) ? name.p[i] : '_';
	out[n + name.n] = '\0';
	return true;
}

/* Two names may look the same now: the first one counts. */
static bool is_taken(const struct env *env, size_t begin, const char *name)
{
	size_t n = strlen(name);

	for (size_t at = begin; at < env->text.n;) {
		const char *text = env->text.p + at;

		if (strncmp(text, name, n) == 0 && text[n] == '=')
			return true;
		at += strlen(text) + 1;
	}
	return false;
}

static void add_labels(struct env *env, const char *prefix,
                       const struct label *labels, size_t n)
{
	size_t begin = env->text.n;
	char name[NAME_MAX_BYTES + 32];

	for (size_t i = 0; i < n; i++) {
		if (name_variable(name, sizeof(name), prefix, labels[i].name) &&
		    !is_taken(env, begin, name))
			add_slice(env, name, labels[i].value);
	}
}

static void add_facts(struct env *env, const struct notice *notice)
{
	add(env, "BOUNCER_VALUE", notice->value);
	add(env, "BOUNCER_THRESHOLD", notice->threshold);
	add(env, "BOUNCER_LEVEL", notice->level);
	add(env, "BOUNCER_STATUS", notice->status);
	add_labels(env, "BOUNCER_LABEL_", notice->labels, notice->n_labels);
	add_labels(env, "BOUNCER_ANNOTATION_", notice->annotations,
	           notice->n_annotations);
}

/* --- the whole ------------------------------------------------------------------- */

/* What the caller has, ended by an empty one; as it is. */
static void add_given(struct env *env, const char *given)
{
	for (; given && given[0]; given += strlen(given) + 1) {
		size_t begin = env->text.n;

		(void)buf_puts(&env->text, given);
		end_variable(env, begin);
	}
}

/* One block: the array, then the texts that it points to. */
static int finish(struct bounce *bounce, struct env *env,
                  const char *const **envp)
{
	size_t size = (env->n + 1) * sizeof(char *) + env->text.n;
	const char **vars = env->text.failed ? NULL : mem_alloc(size);
	char *at;

	if (!vars)
		return UV_ENOMEM;
	at = (char *)(vars + env->n + 1);
	memcpy(at, env->text.p, env->text.n);
	for (size_t i = 0; i < env->n; i++) {
		vars[i] = at;
		at += strlen(at) + 1;
	}
	vars[env->n] = NULL;
	mem_free(bounce->env_memory);
	bounce->env_memory = vars;
	*envp = vars;
	return 0;
}

int step_env_fill(struct bounce *bounce, const char *const **envp)
{
	struct env env = { .n = 0 };
	int r;

	buf_init(&env.text, BOUNCE_ENV_MAX);
	add(&env, "BOUNCER_MONITOR", bounce->monitor);
	add(&env, "BOUNCER_REASON", bounce->reason);
	add_number(&env, "BOUNCER_AGE_SECONDS",
	           (int64_t)(bounce->age_ms / 1000));
	add(&env, "BOUNCER_TARGET", bounce->target);
	add_number(&env, "BOUNCER_ATTEMPT", bounce->attempt);
	add_container(&env, bounce);
	if (bounce->notice && bounce->notice->epoch)
		add_number(&env, "BOUNCER_EPOCH",
		           (int64_t)bounce->notice->epoch);
	if (bounce->notice)
		add_facts(&env, bounce->notice);
	add_given(&env, bounce->env);
	r = finish(bounce, &env, envp);
	buf_fini(&env.text);
	return r;
}
