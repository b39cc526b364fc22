/* SPDX-License-Identifier: Apache-2.0 */
/* The manual page of the configuration names every key that there is.
 * Its path is the argument of the program. */
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>
#include "config/schema.h"

#define MANUAL_MAX 65536

static char manual[MANUAL_MAX];

/* As mdoc writes a key: `.It Ic max_age`, also among others. */
static bool is_named(const char *key)
{
	char text[64];
	size_t n = (size_t)snprintf(text, sizeof(text), " %s", key);

	for (const char *line = strstr(manual, "\n.It Ic"); line;
	     line = strstr(line + 1, "\n.It Ic")) {
		const char *end = strchr(line + 1, '\n');
		const char *at = strstr(line, text);

		/* a line that ends with a backslash goes on */
		while (end && end[-1] == '\\')
			end = strchr(end + 1, '\n');
		if (at && end && at < end && strchr(" \n", at[n]))
			return true;
	}
	return false;
}

static void check_keys(const cyaml_schema_field_t *fields, size_t *np)
{
	for (; fields->key; fields++, (*np)++) {
		const cyaml_schema_value_t *value = &fields->value;

		if (value->type == CYAML_SEQUENCE)
			value = value->sequence.entry;
		if (value->type == CYAML_MAPPING)
			check_keys(value->mapping.fields, np);
		if (!is_named(fields->key) &&
		    strcmp(fields->key, "global") != 0 &&
		    strcmp(fields->key, "alerts") != 0 &&
		    strcmp(fields->key, "auth") != 0 &&
		    strcmp(fields->key, "gateway") != 0 &&
		    strcmp(fields->key, "leader") != 0 &&
		    strcmp(fields->key, "notifications") != 0 &&
		    strcmp(fields->key, "registry") != 0 &&
		    strcmp(fields->key, "monitors") != 0)
			fail_msg("the manual does not name %s", fields->key);
	}
}

static void test_keys(void **state)
{
	size_t n = 0;

	assert_false(is_named("max_ag"));
	check_keys(schema_config.mapping.fields, &n);
	assert_true(n > 60);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_keys) };
	FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
	size_t n = file ? fread(manual, 1, sizeof(manual) - 1, file) : 0;

	if (n == 0 || n == sizeof(manual) - 1) {
		(void)fprintf(stderr, "the manual cannot be read\n");
		return 1;
	}
	(void)fclose(file);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
