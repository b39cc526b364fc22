/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/drop_rules.h"

#include <errno.h>
#include "base/mem.h"
#include "core/matcher.h"

struct drop_rule {
	char *text;
	struct matchers *matchers;
};

struct drop_rules {
	size_t n;
	struct drop_rule list[];
};

static int add(struct drop_rules *rules, const char *text, struct err *err)
{
	struct drop_rule *rule = &rules->list[rules->n++];

	rule->text = mem_strdup(text);
	return rule->text
	               ? matchers_parse(slice_from(text), &rule->matchers, err)
	               : err_set(err, -ENOMEM, "out of memory");
}

int drop_rules_new(const char *const *texts, size_t n,
                   struct drop_rules **rulesp, struct err *err)
{
	struct drop_rules *rules = NULL;
	int r = 0;

	*rulesp = NULL;
	if (n == 0)
		return 0;
	rules = mem_calloc(1, sizeof(*rules) + n * sizeof(rules->list[0]));
	if (!rules)
		return err_set(err, -ENOMEM, "out of memory");
	for (size_t i = 0; i < n && r == 0; i++) {
		r = add(rules, texts[i], err);
		if (r < 0)
			err_wrap(err, "drop_alerts[%zu]", i);
	}
	if (r == 0)
		*rulesp = rules;
	else
		drop_rules_free(rules);
	return r;
}

void drop_rules_free(struct drop_rules *rules)
{
	for (size_t i = 0; rules && i < rules->n; i++) {
		matchers_free(rules->list[i].matchers);
		mem_free(rules->list[i].text);
	}
	mem_free(rules);
}

int drop_rules_find(const struct drop_rules *rules, const struct label *labels,
                    size_t n_labels)
{
	for (size_t i = 0; rules && i < rules->n; i++) {
		if (matchers_match(rules->list[i].matchers, labels, n_labels))
			return (int)i;
	}
	return -1;
}

const char *drop_rules_text(const struct drop_rules *rules, size_t i)
{
	return rules->list[i].text;
}
