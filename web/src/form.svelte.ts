import { Navigation } from 'sv-router';
import type { z } from 'zod';
import { checkForm, type FieldErrors } from './forms.ts';
import { ApiProblem } from './http.ts';

/** A form at work: what is wrong with its fields, why it was refused as a whole, and whether it is on its way. */
export class Form {
  errors = $state.raw<FieldErrors>({});
  refusal = $state('');
  isBusy = $state(false);

  /**
   * Checks the values by the contract's schema and sends the request made of them. What the schema or the server finds
   * wrong becomes `errors` or, where no field is to blame, `refusal`. Says whether it was accepted; a navigation that ends
   * the sending counts as that. @throws whatever is no answer of the server
   */
  async submit<Schema extends z.ZodType>(
    schema: Schema,
    values: unknown,
    send: (request: z.output<Schema>) => Promise<unknown>,
  ): Promise<boolean> {
    const checked = checkForm(schema, values);
    this.errors = checked.errors ?? {};
    this.refusal = '';
    if (checked.errors !== undefined) return false;
    this.isBusy = true;
    try {
      await send(checked.request);
      return true;
    } catch (error) {
      if (error instanceof Navigation) return true;
      if (!(error instanceof ApiProblem)) throw error;
      this.errors = error.fields;
      if (Object.keys(error.fields).length === 0) this.refusal = error.message;
      return false;
    } finally {
      this.isBusy = false;
    }
  }
}
