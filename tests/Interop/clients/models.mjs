// The DTDL parser of Microsoft, as @digicatapult/dtdl-parser brings it along, on texts of models:
//   { texts: ["…"] }
import { getInterop } from '@digicatapult/dtdl-parser';
import { run } from './scenario.mjs';

run(async ({ texts }) => {
  const parser = await getInterop();
  return texts.map((text) => {
    try {
      parser.parse(text);
      return { valid: true };
    } catch (error) {
      return { valid: false, why: String(error.message ?? error).slice(0, 500) };
    }
  });
});
