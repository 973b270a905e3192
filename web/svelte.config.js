// A component's <style> is forbidden: the styles live in src/styles, where the tokens are.
export default {
  compilerOptions: { runes: true },
};
