/* SPDX-License-Identifier: Apache-2.0 */
#include "core/exposition_writer.h"

#include "base/number.h"
#include "base/text.h"

void exposition_family(struct buf *out, const char *name, const char *type,
                       const char *help)
{
	(void)buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
	                 type);
}

void exposition_sample(struct buf *out, const char *name, const char *suffix,
                       const struct exposition_label *labels, size_t n_labels,
                       double value)
{
	char text[NUMBER_TEXT_MAX];

	(void)buf_puts(out, name);
	(void)buf_puts(out, suffix);
	for (size_t i = 0; i < n_labels; i++) {
		(void)buf_putc(out, i == 0 ? '{' : ',');
		(void)buf_puts(out, labels[i].name);
		(void)buf_puts(out, "=\"");
		text_escape_label(out, slice_from(labels[i].value));
		(void)buf_putc(out, '"');
	}
	(void)buf_puts(out, n_labels ? "} " : " ");
	(void)buf_append(out, text, number_format_double(value, text));
	(void)buf_putc(out, '\n');
}

void exposition_buckets(struct buf *out, const char *name,
                        const struct histogram *histogram)
{
	uint64_t total = 0;

	for (size_t i = 0; i <= histogram->n_bounds; i++) {
		char bound[NUMBER_TEXT_MAX] = "+Inf";
		struct exposition_label label = { "le", bound };

		if (i < histogram->n_bounds)
			(void)number_format_double(histogram->bounds[i], bound);
		total += histogram->counts[i];
		exposition_sample(out, name, "_bucket", &label, 1,
		                  (double)total);
	}
	exposition_sample(out, name, "_sum", NULL, 0, histogram->sum);
	exposition_sample(out, name, "_count", NULL, 0, (double)total);
}
