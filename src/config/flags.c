/* SPDX-License-Identifier: Apache-2.0 */
#include "config/flags.h"

#include <errno.h>
#include <stdio.h>
#include "base/text.h"
#include "config/schema.h"

#define FLAG_MAX_NAME 63 /* bytes, and as much of it in a message */

/* The flags that are no key of `global`, as they are compared. */
#define FLAG_CONFIG      "config"
#define FLAG_CONFIG_FILE "configfile"
#define FLAG_HELP        "help"

/* Lower case, without - and _. @out holds FLAG_MAX_NAME + 1. */
static const char *flag_normal(struct slice name, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < name.n && n < FLAG_MAX_NAME; i++) {
		char c = name.p[i];

		if (c == '-' || c == '_')
			continue;
		out[n++] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	out[n] = '\0';
	return out;
}

/* The key of `global` that a flag means, NULL if none. */
static const char *flag_key(const char *normal)
{
	char key[FLAG_MAX_NAME + 1];

	for (size_t i = 0; schema_global[i].key; i++) {
		struct slice name = slice_from(schema_global[i].key);

		if (strcmp(normal, flag_normal(name, key)) == 0)
			return schema_global[i].key;
	}
	return NULL;
}

/* As it is best written: push_gw is --push-gw. */
static void flag_spelling(const char *key, char *out)
{
	size_t n = 0;

	for (; key[n] && n < FLAG_MAX_NAME; n++)
		out[n] = (char)(key[n] == '_' ? '-' : key[n]);
	out[n] = '\0';
}

static int unknown_flag(struct slice name, struct err *err)
{
	char spellings[SCHEMA_MAX_KEYS][FLAG_MAX_NAME + 1];
	const char *words[SCHEMA_MAX_KEYS + 2];
	char written[FLAG_MAX_NAME + 1];
	int shown = (int)MIN(name.n, FLAG_MAX_NAME);
	const char *nearest;
	size_t n = 0;

	for (; schema_global[n].key && n < SCHEMA_MAX_KEYS; n++) {
		flag_spelling(schema_global[n].key, spellings[n]);
		words[n] = spellings[n];
	}
	words[n++] = FLAG_CONFIG;
	words[n++] = FLAG_HELP;

	memcpy(written, name.p, (size_t)shown);
	written[shown] = '\0';
	nearest = text_nearest(slice_from(written), words, n);
	return err_set(err, -EINVAL, "unknown flag --%s%s%s%s", written,
	               nearest ? "; did you mean --" : "; see bouncer help run",
	               nearest ? nearest : "", nearest ? "?" : "");
}

/* Replaces what an earlier flag said. */
static int flags_set(struct flags *flags, const char *key, struct slice name,
                     const char *value)
{
	struct config_override *override = flags->overrides;
	char *origin;

	while (override < flags->overrides + flags->n_overrides &&
	       strcmp(override->key, key) != 0)
		override++;
	if (override == flags->overrides + FLAGS_MAX)
		return -ENOMEM;

	origin = arena_alloc(&flags->memory, name.n + sizeof("--"));
	if (!origin)
		return -ENOMEM;
	(void)snprintf(origin, name.n + sizeof("--"), "--" SLICE_FMT,
	               SLICE_ARG(name));
	if (override == flags->overrides + flags->n_overrides)
		flags->n_overrides++;
	*override = (struct config_override){ .key = key,
		                              .value = value,
		                              .origin = origin };
	return 0;
}

/* One flag; *usedp: its value was the argument after it. */
static int flags_read(struct flags *flags, struct slice name, const char *value,
                      const char *next, bool *usedp, struct err *err)
{
	char normal[FLAG_MAX_NAME + 1];
	const char *key;
	bool config;

	(void)flag_normal(name, normal);
	key = flag_key(normal);
	config = strcmp(normal, FLAG_CONFIG) == 0 ||
	         strcmp(normal, FLAG_CONFIG_FILE) == 0;

	if (strcmp(normal, FLAG_HELP) == 0 || strcmp(normal, "h") == 0) {
		flags->help = true;
		return 0;
	}
	if (!key && !config)
		return unknown_flag(name, err);
	if (!value && key && schema_global_is_bool(key)) {
		value = "true";
	} else if (!value) {
		*usedp = true;
		value = next;
	}
	if (!value)
		return err_set(err, -EINVAL, "--%.*s needs a value",
		               (int)name.n, name.p);
	if (config) {
		flags->config = value;
		return 0;
	}
	return flags_set(flags, key, name, value);
}

int flags_parse(struct flags *flags, int argc, char *const *argv,
                struct err *err)
{
	*flags = (struct flags){ 0 };
	err_clear(err);

	for (int i = 0; i < argc; i++) {
		struct slice name = slice_from(argv[i]);
		const char *value = strchr(argv[i], '=');
		bool used = false;
		int r;

		if (name.n < 2 || name.p[0] != '-')
			return err_set(err, -EINVAL,
			               "unexpected argument %.64s; a "
			               "configuration file is given with "
			               "--config",
			               argv[i]);
		if (value)
			name.n = (size_t)(value++ - name.p);
		name = slice_skip(name, name.p[1] == '-' ? 2 : 1);
		r = flags_read(flags, name, value,
		               i + 1 < argc ? argv[i + 1] : NULL, &used, err);
		if (r < 0)
			return r;
		i += used;
	}
	return 0;
}

void flags_fini(struct flags *flags)
{
	arena_fini(&flags->memory);
	flags->n_overrides = 0;
}
