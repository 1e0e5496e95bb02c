import type { z } from 'zod';

/** What is wrong with a form, by the name of the field. */
export type FieldErrors = Readonly<Record<string, string>>;

/** Checks a form by the contract's schema: the parsed request, or one message per wrong field. */
export function checkForm<Schema extends z.ZodType>(
  schema: Schema,
  values: unknown,
): { request: z.output<Schema>; errors?: undefined } | { request?: undefined; errors: FieldErrors } {
  const parsed = schema.safeParse(values);
  if (parsed.success) return { request: parsed.data };
  const errors: Record<string, string> = {};
  for (const issue of parsed.error.issues) errors[issue.path.map(String).join('.')] ??= sentence(issue.message);
  return { errors };
}

/** Puts the cursor into the first wrong field; call it after the errors have been drawn. */
export function focusFirstError(form: HTMLFormElement): void {
  form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
}

function sentence(message: string): string {
  return message.charAt(0).toUpperCase() + message.slice(1);
}
